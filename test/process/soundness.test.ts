import { startLedger } from '../support/ledger.ts'
import { realTest } from '../support/real-parts.ts'

const test = realTest('postgres')

test('clients whose grace is shorter than one may be registered with are named at the start', async (t) => {
  const settings = { APPEND_TIMEOUT: '5' }
  const first = await startLedger(t, { settings })
  const named = (lines: Record<string, unknown>[]) => lines.flatMap(({ client_ids }) => client_ids ?? [])
  t.deepEqual(named(first.lines), [])
  const short = [await first.client({ refresh_grace_seconds: 1 }), await first.client({ refresh_grace_seconds: 6 })]
  for (const refresh_grace_seconds of [0, 7, 30]) await first.client({ refresh_grace_seconds })
  await first.deleteClient(await first.client({ refresh_grace_seconds: 2 }))
  const second = await startLedger(t, { beside: first, services: ['token-endpoint'], settings })
  t.deepEqual(named(second.lines), short.map(({ client_id }) => client_id).sort())
})
