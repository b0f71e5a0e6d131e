import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { ROOT } from '../support/ledger-process.ts'
import { commandLine } from '../support/command-line.ts'
import { run } from '../support/commands.ts'

const BUILT = join(ROOT, 'dist/services/cli/main.js')
// `npm ci` builds it; without it there is nothing that a newcomer could run.
const built = existsSync(BUILT) || process.env['CI'] === 'true' ? test : test.skip

built('the built command line tells its version and its help', async (t) => {
  const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { version: string }
  t.is((await run({ file: process.execPath, args: [BUILT, '--version'] })).trim(), version)
  t.regex(await run({ file: process.execPath, args: [BUILT, '--help'] }), /migrate/)
  const help = await run({ file: process.execPath, args: [BUILT, 'keys', 'revoke', '--help'] })
  t.regex(help, /\nExit codes: 0 all is well/)
  t.true(help.split('\n').every(({ length }) => length <= 80))
})

/** Has Node tell each module as it loads it. */
const TELL = 'export async function load(url, context, next) { process._rawDebug(url); return next(url, context) }'
const TELLING = `import { register } from 'node:module'; register(${JSON.stringify(`data:text/javascript,${TELL}`)})`
const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(TELLING)}`

test('a verb that asks a service loads no server, no database and no Kafka', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'ledger-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const nowhere = 'http://127.0.0.1:1'
  const access = { url: nowhere, admin_url: nowhere, client_id: 'x', client_secret: 'x', demo_url: nowhere }
  await writeFile(join(folder, 'cli.json'), JSON.stringify(access))
  const clients = { 'demo-admin': 'x', 'demo-app': 'x', 'demo-orders': 'x' }
  const system = `1:${randomBytes(32).toString('base64')}`
  await writeFile(join(folder, 'secrets'), JSON.stringify({ system, clients }))
  for (const verb of ['projection status', 'audit replay', 'keys status', 'demo']) {
    const { code, err } = await commandLine({ NODE_OPTIONS, LEDGER_DATA_DIR: folder }, ...verb.split(' '))
    t.is(code, 3, err.split('\n').slice(-3).join('\n'))
    const loaded = new Set(err.match(/(?<=node_modules\/)(@[^/]+\/)?[^/\s]+/g))
    t.true(loaded.has('commander') && loaded.has('zod'), verb)
    const heavy = ['koa', '@koa/router', 'koa-helmet', 'kafkajs', 'knex', 'pg', '@electric-sql/pglite']
    t.deepEqual(
      heavy.filter((name) => loaded.has(name)),
      [],
      verb,
    )
  }
})
