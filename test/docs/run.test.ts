// Every line that README.md and docs/ show in a block of code is run as it stands there, in each shell that is here.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { freePorts } from '../support/commands.ts'
import { startProcess } from '../support/ledger-process.ts'
import { PROGRAM_WORDS } from '../support/program.ts'
import { databaseUrl, freshPrefix, kafkaBrokers, loginRole, onServer, realTest } from '../support/real-parts.ts'
import { type Block, blocks } from './documents.ts'
import { isThere, paste, type Pasted, SHELLS } from './paste.ts'

type Some = { path: string; has: string; why: string }

/** Lines that no test runs, and why. */
const NOT_RUN: Some[] = [
  { path: 'README.md', has: 'npm ci', why: '.ci/run begins with npm ci, test/system/embedded.test.ts starts dev mode' },
  { path: 'docs/production.md', has: 'serve projector', why: 'they run until they are stopped: test/system runs them' },
  { path: 'docs/compose.md', has: 'up -d --wait', why: 'they need a Docker engine: test/compose/run.sh runs them' },
  { path: 'docs/compose.md', has: 'compose exec', why: 'they need a Docker engine: test/compose/run.sh runs them' },
  {
    path: 'docs/operations.md',
    has: 'projection skip',
    why: 'the record is an example: test/cli/skip.test.ts skips one',
  },
  { path: 'docs/backup.md', has: 'pg_dump', why: 'test/restore runs them on parts that are its own' },
  { path: 'docs/backup.md', has: 'pg_restore', why: 'test/restore runs them on parts that are its own' },
  { path: 'docs/backup.md', has: 'token-ledger migrate', why: 'test/restore runs them on parts that are its own' },
  { path: 'docs/backup.md', has: 'pg_basebackup', why: 'test/restore runs them on parts that are its own' },
  { path: 'docs/backup.md', has: 'pg_ctl', why: 'test/restore runs them on parts that are its own' },
  { path: 'docs/backup.md', has: 'projection switch', why: 'test/restore runs them on parts that are its own' },
  { path: 'docs/backup.md', has: 'projection verify', why: 'test/restore runs them on parts that are its own' },
]

/** Lines of production, run on a real PostgreSQL and Kafka; all others are run beside dev mode. */
const ON_PARTS: Omit<Some, 'why'>[] = [
  { path: 'docs/production.md', has: 'secrets generate' },
  { path: 'docs/production.md', has: 'token-ledger migrate' },
  { path: 'docs/operations.md', has: 'admin recover' },
]

/** All that curl 7.68 has of what is used here. */
const CURL_OPTIONS = new Set(['-sS', '-i', '-w', '-X', '-H', '-d', '-u', '-K', '-o'])

const shown = blocks('sh')
const isOne = ({ path, lines }: Block, list: Omit<Some, 'why'>[]) =>
  list.some((one) => one.path === path && lines.join('\n').includes(one.has))
const onParts = shown.filter((block) => isOne(block, ON_PARTS) && !isOne(block, NOT_RUN))
const besideDevMode = shown.filter((block) => !isOne(block, ON_PARTS) && !isOne(block, NOT_RUN))
const shells = SHELLS.filter((shell) => isThere(shell) || process.env['CI'] === 'true')

test('every block of shell lines is run, but for those that are declared with their reason', (t) => {
  t.true(besideDevMode.length > 8)
  for (const one of [...NOT_RUN, ...ON_PARTS]) t.is(shown.filter((block) => isOne(block, [one])).length, 1, one.has)
})

test('every shell line is a whole command that can be pasted: no comment, no function, no curl newer than 7.68', (t) => {
  for (const { path, line, lines } of shown)
    for (const [at, text] of lines.entries()) t.deepEqual(unpastable(text), [], `${path}:${line + at}`)
})

for (const shell of shells)
  test.serial(`every line of the docs works in ${shell} beside dev mode`, async (t) => {
    t.timeout(600_000)
    const cwd = await folder(t)
    const port = await freePorts(2)
    const [publicPort, adminPort] = [String(port), String(port + 1)]
    await startProcess(t, {
      services: ['all'],
      env: {
        LEDGER_DATA_DIR: join(cwd, '.ledger'),
        LEDGER_SERVE_PUBLIC_PORT: publicPort,
        LEDGER_SERVE_ADMIN_PORT: adminPort,
      },
    })
    const lines = besideDevMode.flatMap((block) => block.lines)
    const here = lines.map((line) => line.replaceAll(':4444', `:${publicPort}`).replaceAll(':4445', `:${adminPort}`))
    const pasted = await paste(shell, here, { cwd })
    for (const one of pasted) t.deepEqual(problems(one), [], one.line)
    const allowed = pasted.filter(({ line }) => line.includes('/check '))
    for (const { out } of allowed) t.regex(out, /"allowed":true/)
    t.is(allowed.length, 1)
  })

realTest('postgres', 'kafka').serial(
  'every line of production works, the SQL for poolers and auditors too',
  async (t) => {
    t.timeout(600_000)
    const cwd = await folder(t)
    const url = await databaseUrl(t)
    const here = (line: string) =>
      line
        .replace(/(LEDGER_DATABASE_URL=).+/, `$1${url}`)
        .replace(/(LEDGER_KAFKA_BROKERS=).+/, `$1${kafkaBrokers().join(',')}`)
    const lines = onParts.flatMap((block) => block.lines).map(here)
    const needsLedger = (line: string) => /admin recover/.test(line)
    const inOrder = [...lines.filter((line) => !needsLedger(line)), ...lines.filter(needsLedger)]
    const env = { LEDGER_KAFKA_TOPIC_PREFIX: freshPrefix() }
    const pasted = await paste('bash', inOrder, { cwd, env })
    for (const one of pasted) t.deepEqual(problems(one), [], one.line)

    const role = await loginRole(t, url)
    const asRole = (sql: string) => sql.replaceAll(/\b(ALTER ROLE|TO) (ledger|auditor)\b/g, `$1 ${role.name}`)
    const statements = blocks('sql').map(({ lines: sql }) => sql.join('\n'))
    const isAuditors = (sql: string) => sql.includes('FROM ledger_read.')
    t.is(statements.length, 6)
    t.is(statements.filter(isAuditors).length, 1)
    for (const sql of statements.filter((one) => !isAuditors(one)))
      await onServer(asRole(sql.replace(/CREATE ROLE [^;]+;/, '')), url)
    for (const sql of statements.filter(isAuditors)) await onServer(sql, role.url)
    await t.throwsAsync(onServer('SELECT * FROM ledger.log_records', role.url), { message: /permission denied/ })
  },
)

/** What keeps a line from working in one of the shells, or with an older curl. */
function unpastable(line: string): string[] {
  const quoted = line.replaceAll(/'[^']*'|"(\\.|[^"])*"/g, 'Q')
  const [, curl = ''] = /(?:^|\| )curl (.*)/.exec(quoted) ?? []
  const newer = curl.split(' ').filter((word) => word.startsWith('-') && !CURL_OPTIONS.has(word))
  return [
    ...(/(^| )#/.test(quoted) ? ['a comment'] : []),
    ...(/\\$|[{}]|^\w+=\S*$/.test(quoted) ? ['no whole command, a function or a variable that fish cannot set'] : []),
    ...newer.map((option) => `curl ${option}`),
    ...(curl && !/ -w Q| -o /.test(curl) ? ['an answer that does not end with a newline'] : []),
  ]
}

/** What went wrong with a line, to the eyes of whoever pasted it. */
function problems({ line, code, out }: Pasted): string[] {
  // grep found nothing: nothing lost a race.
  const fine = line.includes('| grep') ? [0, 1] : [0]
  return [
    ...(fine.includes(code) ? [] : [`exit code ${code}`, out]),
    ...(/"error"|^HTTP\/1\.1 [45]/m.test(out) ? [out] : []),
    ...(out === '' || out.endsWith('\n') ? [] : ['no newline at the end']),
  ]
}

/** An empty folder in which `bin/token-ledger` is this program. */
async function folder(t: ExecutionContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'token-ledger-docs-'))
  t.teardown(() => rm(path, { recursive: true, force: true }))
  await mkdir(join(path, 'bin'))
  const program = `#!/bin/sh\nexec ${PROGRAM_WORDS} "$@"\n`
  await writeFile(join(path, 'bin/token-ledger'), program, { mode: 0o755 })
  return path
}
