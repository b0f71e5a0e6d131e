import { readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { freePorts } from '../support/commands.ts'
import { inTime } from '../support/in-time.ts'
import { startProcess, type Env, type LedgerProcess } from '../support/ledger-process.ts'
import { paste, testWith } from '../support/shells.ts'
import { devSettings, runnable, tourIn } from '../support/tour-lines.ts'
import { arrival } from '../support/waiting.ts'

const START_LIMIT_MS = 20_000

const withCurl = testWith('bash', 'curl')

const startAll = (t: ExecutionContext, env: Env) => startProcess(t, { services: ['all'], env })

const firstLineOf = ({ printed }: LedgerProcess) => tourIn(printed())[0]?.line ?? 'false'

async function pasteForJson(line: string): Promise<Record<string, unknown>> {
  return JSON.parse((await paste('bash', await runnable(line))).out) as Record<string, unknown>
}

test.serial('the first start is there in time, and says where its state is', async (t) => {
  const env = await devSettings(t)
  const begun = performance.now()
  const server = await startAll(t, env)
  const took = performance.now() - begun
  t.true(took < inTime(START_LIMIT_MS), `it took ${took} ms`)
  t.is(server.printed().split('\n')[0], `token ledger, dev mode: embedded database in ${env['LEDGER_DATA_DIR']}`)
})

withCurl('state survives a restart and a kill -9, and each start gives a pair of its own', async (t) => {
  const env = await devSettings(t)
  const secrets = () => readFile(join(env['LEDGER_DATA_DIR'] ?? '', 'secrets'), 'utf8')
  const first = await startAll(t, env)
  const kept = await secrets()
  const old = firstLineOf(first)
  const pair = await pasteForJson(old)
  t.is(await first.kill('SIGTERM'), 0)

  const second = await startAll(t, env)
  t.is(await secrets(), kept)
  t.not(firstLineOf(second), old)
  const again = await pasteForJson(old)
  t.deepEqual([again['access_token'], again['refresh_token']], [pair['access_token'], pair['refresh_token']])
  const newer = await pasteForJson(firstLineOf(second))
  await second.kill('SIGKILL')

  await startAll(t, env)
  t.is(await secrets(), kept)
  // Both grants go on: the one from before the restart, and the one that was refreshed just before the kill.
  for (const [line, { refresh_token }] of [
    [old, pair],
    [firstLineOf(second), newer],
  ] as const) {
    const next = await pasteForJson(line.replace(/tl_rt_[\w-]+/, String(refresh_token)))
    t.regex(String(next['refresh_token']), /^tl_rt_/)
    t.not(next['refresh_token'], refresh_token)
  }
  const verify = `LEDGER_DATA_DIR='${env['LEDGER_DATA_DIR']}' bin/token-ledger audit verify`
  t.regex((await paste('bash', await runnable(verify))).out, /^equal/)
})

test.serial('a second start on the same folder is refused, and the first goes on', async (t) => {
  const env = await devSettings(t)
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
  const env = await devSettings(t)
  const server = await startAll(t, env)
  await rename(env['LEDGER_DATA_DIR'] ?? '', `${env['LEDGER_DATA_DIR']}.away`)
  t.teardown(() => rm(`${env['LEDGER_DATA_DIR']}.away`, { recursive: true, force: true }))
  const { code, told } = await arrival(server.ended, 'the end of a process without its folder')
  t.is(code, 1)
  t.is(told, `LEDGER_DATA_DIR: ${env['LEDGER_DATA_DIR']} was removed, or begun anew, while this process ran`)
})
