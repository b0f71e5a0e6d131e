import { mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { freePorts, hasProgram, run } from '../support/commands.ts'
import { inTime } from '../support/in-time.ts'
import { arrival } from '../support/waiting.ts'
import { ROOT, startProcess, type Env, type LedgerProcess } from '../support/ledger-process.ts'

const START_LIMIT_MS = 20_000

const PROBLEM = 'curl or bash is missing on this machine'
const withCurl = hasProgram('curl') && hasProgram('bash') ? test.serial : test.skip

async function newFolder(t: ExecutionContext): Promise<Env> {
  const LEDGER_DATA_DIR = await mkdtemp(join(tmpdir(), 'token-ledger-dev-'))
  t.teardown(() => rm(LEDGER_DATA_DIR, { recursive: true, force: true }))
  const port = await freePorts(2)
  return { LEDGER_DATA_DIR, LEDGER_SERVE_PUBLIC_PORT: String(port), LEDGER_SERVE_ADMIN_PORT: String(port + 1) }
}

const startAll = (t: ExecutionContext, env: Env) => startProcess(t, { services: ['all'], env })

/** The command lines that it printed, in order: each stands under a numbered title. */
function commandsOf({ printed }: LedgerProcess): string[] {
  return [...printed().matchAll(/^# \d\. .+\n(.+)$/gm)].map(([, command]) => command ?? '')
}

/** Pastes a line into another terminal, in the checkout and with nothing set. */
async function paste(command: string): Promise<string> {
  const line = (await isBuilt())
    ? command
    : command.replace('npx token-ledger', 'node --import tsx services/cli/main.ts')
  return run({ file: 'bash', args: ['-c', line], cwd: ROOT })
}

async function pasteForJson(command: string | undefined): Promise<Record<string, unknown>> {
  const value: unknown = JSON.parse(await paste(command ?? 'false'))
  return { ...(typeof value === 'object' && value) }
}

/** Whether `npx token-ledger` would run these sources: `npm ci` builds them, an edit since then does not. */
async function isBuilt(): Promise<boolean> {
  const built = await stat(join(ROOT, 'dist/services/cli/main.js')).catch(() => null)
  const folders = ['services', 'shared'].map((name) => join(ROOT, name))
  const sources = (await Promise.all(folders.map((path) => readdir(path, { recursive: true, withFileTypes: true }))))
    .flat()
    .filter((entry) => entry.isFile())
  const changed = await Promise.all(
    sources.map(async ({ parentPath, name }) => (await stat(join(parentPath, name))).mtimeMs),
  )
  return built !== null && built.mtimeMs >= Math.max(...changed)
}

withCurl(`every line that the first start prints works as printed, in that order (unless ${PROBLEM})`, async (t) => {
  const env = await newFolder(t)
  const begun = performance.now()
  const server = await startAll(t, env)
  const took = performance.now() - begun
  t.true(took < inTime(START_LIMIT_MS), `it took ${took} ms`)
  t.regex(server.printed(), /^token ledger, dev mode: embedded database in /)
  const commands = commandsOf(server)
  t.is(commands.length, 7)
  const [refresh, checkAllowed, checkDenied, introspect, revoke, checkAgain, replay] = commands

  const pair = await pasteForJson(refresh)
  t.regex(String(pair['access_token']), /^tl_at_/)
  t.regex(String(pair['refresh_token']), /^tl_rt_/)
  t.false(refresh?.includes(String(pair['refresh_token'])))
  const repeated = await pasteForJson(refresh)
  t.deepEqual(
    [repeated['access_token'], repeated['refresh_token']],
    [pair['access_token'], pair['refresh_token']],
    'repeated, the same pair',
  )
  t.is((await pasteForJson(checkAllowed))['allowed'], true)
  const denied = await pasteForJson(checkDenied)
  t.is(denied['allowed'], false)
  t.regex(String(denied['reason']), /ACL OrderManagers/)
  const introspected = await pasteForJson(introspect)
  t.deepEqual([introspected['active'], introspected['username']], [true, 'alice'])
  t.deepEqual(await pasteForJson(revoke), {})
  t.is((await pasteForJson(checkAgain))['allowed'], false)
  const replayed = await paste(replay ?? 'false')
  t.deepEqual(replayed.match(/Token[A-Z]\w+/g), ['TokenIssued', 'TokenRefreshed', 'TokenRevoked'])
})

withCurl('state survives a restart and a kill -9, and each start gives a pair of its own', async (t) => {
  const env = await newFolder(t)
  const secrets = () => readFile(join(env['LEDGER_DATA_DIR'] ?? '', 'secrets'), 'utf8')
  const first = await startAll(t, env)
  const kept = await secrets()
  const old = commandsOf(first)
  const pair = await pasteForJson(old[0])
  t.is(await first.kill('SIGTERM'), 0)

  const second = await startAll(t, env)
  t.is(await secrets(), kept)
  t.notDeepEqual(commandsOf(second), old)
  const again = await pasteForJson(old[0])
  t.deepEqual([again['access_token'], again['refresh_token']], [pair['access_token'], pair['refresh_token']])
  const newer = await pasteForJson(commandsOf(second)[0])
  await second.kill('SIGKILL')

  await startAll(t, env)
  t.is(await secrets(), kept)
  // Both grants go on: the one from before the restart, and the one that was refreshed just before the kill.
  for (const [command, { refresh_token }] of [
    [old[0] ?? '', pair],
    [commandsOf(second)[0] ?? '', newer],
  ] as const) {
    const next = await pasteForJson(command.replace(/tl_rt_[\w-]+/, String(refresh_token)))
    t.regex(String(next['refresh_token']), /^tl_rt_/)
    t.not(next['refresh_token'], refresh_token)
  }
  const verified = await paste(`LEDGER_DATA_DIR='${env['LEDGER_DATA_DIR']}' npx token-ledger audit verify`)
  t.regex(verified, /^equal/)
})

test.serial('a second start on the same folder is refused, and the first goes on', async (t) => {
  const env = await newFolder(t)
  const first = await startAll(t, env)
  const port = String(await freePorts(2))
  const elsewhere = { ...env, LEDGER_SERVE_PUBLIC_PORT: port, LEDGER_SERVE_ADMIN_PORT: String(Number(port) + 1) }
  const refused = await t.throwsAsync(startAll(t, elsewhere))
  t.regex(
    refused.message,
    new RegExp(
      `^it ended with 1: .* is in use by process ${first.pid}: the embedded database takes one process at a time$`,
    ),
  )
  t.is((await fetch(`${first.url}/health/ready`)).status, 200)
})

test.serial('a data folder that is taken away ends the process with one line that names it', async (t) => {
  const env = await newFolder(t)
  const server = await startAll(t, env)
  await rename(env['LEDGER_DATA_DIR'] ?? '', `${env['LEDGER_DATA_DIR']}.away`)
  t.teardown(() => rm(`${env['LEDGER_DATA_DIR']}.away`, { recursive: true, force: true }))
  const { code, told } = await arrival(server.ended, 'the end of a process without its folder')
  t.is(code, 1)
  t.is(told, `LEDGER_DATA_DIR: ${env['LEDGER_DATA_DIR']} was removed, or begun anew, while this process ran`)
})
