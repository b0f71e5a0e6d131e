import { commandLine } from '../support/command-line.ts'
import { LIVES_S, startPastLedger } from '../support/past-grants.ts'
import { realTest } from '../support/real-parts.ts'

const test = realTest('postgres')

test('projection sweep removes what has been dead for an hour, through the service or by itself, and tells how much', async (t) => {
  const ledger = await startPastLedger(t, { settings: { SWEEP_INTERVAL: '0' } })
  const app = await ledger.client()
  const scope = 'ledger.admin ledger.audit'
  const { client_id, client_secret } = await ledger.client({ scope, groups: ['Administrators'] })
  const service = {
    ...{ LEDGER_URL: ledger.url, LEDGER_ADMIN_URL: ledger.adminUrl },
    ...{ LEDGER_CLIENT_ID: client_id, LEDGER_CLIENT_SECRET: String(client_secret) },
  }
  const host = Object.fromEntries(Object.entries(ledger.settings).map(([name, value]) => [`LEDGER_${name}`, value]))
  for (let count = 0; count < 4; count++) await ledger.issuedAgo(app, (LIVES_S + 7_200) * 1000)
  const sweep = (env: Record<string, string>, ...args: string[]) => commandLine(env, 'projection', 'sweep', ...args)
  const first = await sweep(service, '--max-rows', '1')
  t.is(first.out, 'removed 1 bearer tokens that had been dead for an hour or longer\n', first.err)
  t.is(first.code, 0)
  t.is((await sweep(service, '--max-rows', '2', '--format', 'jsonl')).out, '{"removed_tokens":2}\n')
  t.deepEqual(JSON.parse((await sweep(host, '--format', 'json')).out), { removed_tokens: 1 })
  t.is((await commandLine(service, 'projection', 'verify')).code, 0)
  for (const wrong of ['-1', 'all', '1.5']) t.is((await sweep(service, `--max-rows=${wrong}`)).code, 2, wrong)
  t.is((await sweep({ ...service, LEDGER_ADMIN_URL: 'http://127.0.0.1:1' })).code, 3)
})
