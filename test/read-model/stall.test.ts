import test from 'ava'
import { markFresh } from '../../shared/read-model/checkpoints.ts'
import { stalledMs } from '../../shared/read-model/stall.ts'
import { startLedger, type TestLedger } from '../support/ledger.ts'
import { until } from '../support/waiting.ts'
import { realTest } from '../support/real-parts.ts'

const NEVER = { stalled_at: null, resumed_at: null }

test('only the part of a stall after a time counts, and a second of ordinary lag is none', (t) => {
  const past = { stalled_at: 1_000, resumed_at: 6_000, fresh_as_of: 9_500 }
  t.is(stalledMs(past, 500, 10_000), 5_000)
  t.is(stalledMs(past, 4_000, 10_000), 2_000)
  t.is(stalledMs(past, 7_000, 10_000), 0)
  t.is(stalledMs({ ...NEVER, fresh_as_of: 8_500 }, 8_000, 10_000), 0)
  t.is(stalledMs({ ...NEVER, fresh_as_of: 7_000 }, 7_500, 10_000), 2_500)
  t.is(stalledMs({ ...past, fresh_as_of: 7_000 }, 500, 10_000), 8_000)
  t.is(stalledMs({ ...NEVER, fresh_as_of: null }, 500, 10_000), 0)
})

/** Moves everything that the read model remembers of time into the past: as if nothing had gone on since. */
async function age({ runtime: { knex, schema } }: TestLedger, seconds: number): Promise<void> {
  await knex.raw(`UPDATE ${schema}.bearer_tokens SET projected_at = projected_at - ? * interval '1 s'`, [seconds])
  await knex.raw(`UPDATE ${schema}.checkpoints SET fresh_as_of = fresh_as_of - ? * interval '1 s'`, [seconds])
}

async function stalls({ runtime: { knex, schema } }: TestLedger): Promise<{ fresh: boolean; ms: number | null }[]> {
  const { rows } = await knex.raw<{ rows: { fresh: boolean; ms: number | null }[] }>(
    `SELECT now() - fresh_as_of < interval '2 s' AS fresh,
            (extract(epoch FROM resumed_at - stalled_at) * 1000)::float8 AS ms FROM ${schema}.checkpoints`,
  )
  return rows
}

realTest('postgres')('the grace of a retry does not run while the ledger could not answer', async (t) => {
  const first = await startLedger(t)
  const as = await first.client({ refresh_grace_seconds: 30 })
  const { grant_id, refresh_token } = await first.grant({ to: as })
  const form = { grant_type: 'refresh_token', refresh_token }
  const lost = await first.post('/oauth2/token', form, { as })
  t.is(lost.status, 200)
  // Stopped right after it was projected, for ten minutes.
  await first.stop()
  const ledger = await startLedger(t, { beside: first, services: ['token-endpoint'] })
  await age(ledger, 600)
  const projecting = await startLedger(t, { beside: first, services: ['projector'] })
  await until(async () => (await stalls(ledger)).every(({ fresh }) => fresh), 'freshness')
  for (const { ms } of await stalls(ledger)) t.true(ms !== null && ms > 599_000 && ms < 660_000)
  const again = await ledger.post('/oauth2/token', form, { as })
  t.deepEqual([again.status, again.body['refresh_token']], [200, lost.body['refresh_token']])
  // Time in which it could have been answered counts as ever.
  await ledger.runtime.knex.raw(
    `UPDATE ${ledger.runtime.schema}.bearer_tokens SET projected_at = projected_at - interval '31 s'`,
  )
  await ledger.runtime.knex.raw(`UPDATE ${ledger.runtime.schema}.checkpoints SET
    stalled_at = stalled_at + interval '1 s', resumed_at = resumed_at - interval '30 s'`)
  t.is((await ledger.post('/oauth2/token', form, { as })).status, 400)
  t.is((await ledger.eventsOf(grant_id)).at(-1)?.type, 'TokenReuseDetected')
  await projecting.stop()
})

realTest('postgres')('two stalls with a short respite are one', async (t) => {
  const ledger = await startLedger(t, { services: ['token-endpoint'] })
  const { knex, schema, topics, log } = ledger.runtime
  const mark = async (second: number) =>
    markFresh(
      { knex, schema },
      `2026-01-01T00:00:0${second}Z`,
      (await log.bounds([topics.grants])).map((b) => ({ ...b, end: 0 })),
    )
  const stall = async () => {
    const { rows } = await knex.raw<{ rows: { stalled_at: Date | null; resumed_at: Date | null }[] }>(
      `SELECT stalled_at, resumed_at FROM ${schema}.checkpoints WHERE topic = ? AND partition = 0`,
      [topics.grants],
    )
    return rows[0]
  }
  await mark(0)
  await mark(1)
  await mark(3)
  t.deepEqual(await stall(), { stalled_at: null, resumed_at: null })
  await mark(6)
  t.is((await stall())?.stalled_at?.toISOString(), '2026-01-01T00:00:03.000Z')
  await knex.raw(`UPDATE ${schema}.checkpoints SET resumed_at = '2026-01-01T00:00:06Z'`)
  await mark(9)
  t.is((await stall())?.stalled_at?.toISOString(), '2026-01-01T00:00:03.000Z')
})
