import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import type { ReadModelList } from '../../../services/admin/projection/read-models.ts'
import { type Env, type LedgerProcess, startProcess, tokenLedger } from '../../support/ledger-process.ts'
import type { Program } from '../../support/program.ts'
import { refresh } from '../../support/refreshing.ts'
import { createRequests, type Credentials } from '../../support/requests.ts'
import { devSettings, tourIn } from '../../support/tour-lines.ts'
import { until } from '../../support/waiting.ts'
import { releaseBefore } from './release.ts'

const startAll = (t: ExecutionContext, env: Env, program?: Program) =>
  startProcess(t, { services: ['all'], env, ...(program && { program }) })

/** The refresh token in the first line of the tour. */
function tokenOf({ printed }: LedgerProcess): string {
  const [line] = tourIn(printed())
  return /tl_rt_[\w-]+/.exec(line?.line ?? '')?.[0] ?? ''
}

const refreshed = async ({ url }: LedgerProcess, as: Credentials, token: string) => {
  const { status, body } = await refresh(createRequests(url), as, token)
  return { status, token: String(body['refresh_token']) }
}

async function appOf(env: Env): Promise<Credentials> {
  const text = await readFile(join(env['LEDGER_DATA_DIR'] ?? '', 'secrets'), 'utf8')
  const { clients } = JSON.parse(text) as { clients: Record<string, string> }
  return { client_id: 'demo-app', client_secret: clients['demo-app'] ?? '' }
}

test('the embedded ledger of the release before goes on in this one, with its tokens', async (t) => {
  t.timeout(120_000)
  const env = await devSettings(t)
  const old = await startAll(t, env, await releaseBefore(t))
  const app = await appOf(env)
  const pair = await refreshed(old, app, tokenOf(old))
  t.is(pair.status, 200)
  await old.kill('SIGTERM')

  const server = await startAll(t, env)
  t.regex(server.printed(), /^read model: schema ledger_v2$/m)
  t.is((await refreshed(server, app, pair.token)).status, 200)
  t.regex(await tokenLedger(env, 'projection', 'verify'), /^equal/)
  // The release before kept it up until a moment ago, which counts for ten seconds.
  const dropped = () => tokenLedger(env, 'projection', 'drop', 'ledger_v1').catch(() => '')
  await until(async () => (await dropped()) === 'ledger_v1 is dropped', 'ledger_v1 to be dropped')
})

test('the embedded ledger builds another read model while it serves, reads it, and drops the one of before', async (t) => {
  t.timeout(120_000)
  const env = await devSettings(t)
  const server = await startAll(t, env)
  const app = await appOf(env)
  let token = tokenOf(server)
  let stopped = false
  const refreshing = (async () => {
    const seen = new Set<number>()
    while (!stopped) {
      const { status, token: next } = await refreshed(server, app, token)
      seen.add(status)
      if (status === 200) token = next
    }
    return [...seen]
  })()
  t.regex(await tokenLedger(env, 'projection', 'rebuild'), /^ledger_v2_2 is built/)
  await t.throwsAsync(tokenLedger(env, 'projection', 'drop', 'ledger_v2'), { message: /ledger_v2 is in use by/ })
  const isSwitched = () =>
    tokenLedger(env, 'projection', 'switch', 'ledger_v2_2').then(
      () => true,
      () => false,
    )
  await until(isSwitched, 'a switch to a read model that is up to date')
  t.is(await tokenLedger(env, 'projection', 'drop', 'ledger_v2'), 'ledger_v2 is dropped')
  stopped = true
  t.deepEqual(await refreshing, [200], 'nobody was refused')
  const list = JSON.parse(await tokenLedger(env, 'projection', 'list', '--format', 'json')) as ReadModelList
  t.deepEqual(
    list.read_models.map(({ schema_name, chosen }) => [schema_name, chosen]),
    [['ledger_v2_2', true]],
  )
  t.deepEqual(
    list.processes.map(({ reads, projects }) => [reads, projects]),
    [['ledger_v2_2', ['ledger_v2_2']]],
  )
  t.regex(await tokenLedger(env, 'projection', 'verify'), /^equal/)
})
