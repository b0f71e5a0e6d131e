import { v7 as uuidv7 } from 'uuid'
import { verify } from '../../services/audit/verify/verify.ts'
import { isSamePlace, partitionOf, placeOf } from '../../shared/event-log/places.ts'
import { loadCheckpoints } from '../../shared/read-model/checkpoints.ts'
import { dueQueues, sweep } from '../../shared/read-model/projection/sweep.ts'
import { answerOf, keepOutcome } from '../../shared/accounts/sessions/login-outcomes.ts'
import { refreshed, revoked } from '../ledger/given.ts'
import { refuses } from '../support/asserting.ts'
import { LIVES_S, type PastLedger, startPastLedger } from '../support/past-grants.ts'
import { realTest } from '../support/real-parts.ts'
import { refresh } from '../support/refreshing.ts'
import { sweepAll } from '../support/sweeping.ts'
import { until } from '../support/waiting.ts'

const test = realTest('postgres')

const HOUR_S = 3_600
/** When a grant was issued (ms ago) that has been dead for so many seconds. */
const deadFor = (seconds: number) => (LIVES_S + seconds) * 1000
const OFTEN = { settings: { SWEEP_INTERVAL: '1' } }
const BY_HAND = { settings: { SWEEP_INTERVAL: '0' } }

async function isThere({ runtime: { knex, schema } }: PastLedger, grant_id: string): Promise<boolean> {
  const { rows } = await knex.raw<{ rows: object[] }>(
    `SELECT 1 FROM ${schema}.grants WHERE grant_id = ? UNION ALL SELECT 1 FROM ${schema}.bearer_tokens WHERE grant_id = ?`,
    [grant_id, grant_id],
  )
  return rows.length > 0
}

const untilGone = (ledger: PastLedger, ...ids: string[]) =>
  until(async () => (await Promise.all(ids.map((id) => isThere(ledger, id)))).every((is) => !is), 'the sweeper')

test('the projector removes by itself what has been dead for an hour, and nothing else; the read model stays what the log says', async (t) => {
  const ledger = await startPastLedger(t, OFTEN)
  const app = await ledger.client()
  const live = await ledger.grant({ to: app })
  const fresh = await ledger.issuedAgo(app, deadFor(HOUR_S - 60))
  const expired = await ledger.issuedAgo(app, deadFor(HOUR_S + 1))
  const ended = await ledger.issuedAgo(app, 3 * HOUR_S * 1000, {
    refresh: { lifetime: null, absolute_lifetime: null, limit: null },
  })
  await ledger.tell(revoked({ grant_id: ended.grant_id, client_id: app.client_id }), (HOUR_S + 1) * 1000)
  await untilGone(ledger, expired.grant_id, ended.grant_id)
  t.true(await isThere(ledger, fresh.grant_id))
  t.is((await refresh(ledger, app, live.refresh_token)).status, 200)
  for (const { refresh_token, access_token } of [expired, ended]) {
    refuses(t, await refresh(ledger, app, refresh_token), [400, 'invalid_grant'])
    t.false(await ledger.isActive(access_token))
    t.is((await ledger.post('/oauth2/revoke', { token: refresh_token }, { as: app })).status, 200)
  }
  const { equal, difference } = await verify(ledger.runtime)
  t.true(equal, JSON.stringify(difference))
  t.true(ledger.lines.some(({ msg, grants }) => msg === 'swept what has been dead for an hour' && Number(grants) > 0))
})

test('what a login application answered is gone in two hours, whether or not anybody logs in again', async (t) => {
  const { runtime } = await startPastLedger(t, OFTEN)
  const { knex } = runtime
  const [old, young] = [uuidv7(), uuidv7()]
  const outcome = { sub: 'ada', amr: [], registry_position: 1 }
  for (const id of [old, young])
    await keepOutcome(knex, { id, browser: 'b', onward: {}, outcome }, Buffer.from('answered'))
  await knex.raw(
    `UPDATE ledger.login_outcomes SET created_at = created_at - make_interval(mins => CASE id WHEN ? THEN 121 ELSE 119 END)`,
    [old],
  )
  await until(async () => (await answerOf(knex, old)) === null, 'the sweeper')
  t.truthy(await answerOf(knex, young))
})

test('spent tokens go while their grant lives on, also those that the sweeper had put off and those that never expired', async (t) => {
  const ledger = await startPastLedger(t, BY_HAND)
  const app = await ledger.client()
  const endless = { lifetime: null, absolute_lifetime: null, limit: null }
  const slow = await ledger.issuedAgo(app, 5 * HOUR_S * 1000, { refresh: endless })
  const never = await ledger.issuedAgo(app, 5 * HOUR_S * 1000, { refresh: endless, access_token_lifetime: null })
  const generations = async () => {
    const { rows } = await ledger.runtime.knex.raw<{ rows: { name: string }[] }>(
      `SELECT CASE grant_id WHEN ?::uuid THEN 'slow ' ELSE 'never ' END || generation AS name
         FROM ${ledger.runtime.schema}.bearer_tokens WHERE grant_id IN (?, ?) ORDER BY 1`,
      [slow.grant_id, slow.grant_id, never.grant_id],
    )
    return rows.map(({ name }) => name)
  }
  await sweepAll(ledger.runtime)
  t.deepEqual(await generations(), ['never 1', 'slow 1'], 'the current ones stay with their grants')
  for (const { grant_id } of [slow, never]) {
    const lifetime = grant_id === never.grant_id ? null : 60
    await ledger.tell(
      refreshed(2, { grant_id, client_id: app.client_id, access_token_lifetime: lifetime }),
      HOUR_S * 1000 + 1_000,
    )
  }
  await sweepAll(ledger.runtime)
  t.deepEqual(await generations(), ['never 2', 'slow 2'])
  const again = { grant_id: never.grant_id, client_id: app.client_id, access_token_lifetime: null }
  await ledger.tell(refreshed(3, again), 0)
  const { equal, difference } = await verify(ledger.runtime)
  t.true(equal, JSON.stringify(difference))
})

test('traps-running 24: a step that fails and a partition that is stopped stop no other', async (t) => {
  const ledger = await startPastLedger(t, OFTEN)
  const { knex, schema, log, topics } = ledger.runtime
  const app = await ledger.client()
  const inPartition = async (partition: number) => {
    for (;;) {
      const pair = await ledger.grant({ to: app })
      if (partitionOf(pair.grant_id) === partition) return pair.grant_id
    }
  }
  await knex.raw(`
    CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'this row cannot go'; END $$;
    CREATE TRIGGER stuck BEFORE DELETE ON ${schema}.grants FOR EACH ROW WHEN (OLD.partition = 0) EXECUTE FUNCTION public.refuse()`)
  const key = await inPartition(1)
  await log.append({ ...placeOf(topics, key), key, value: '{"type":"TokenTeleported"}' })
  await until(async () => (await loadCheckpoints(ledger.runtime, [topics.grants]))[1]?.status === 'stopped', 'a stop')
  const stuck = await dead(ledger, app, 0)
  const after: string[] = []
  for (const partition of [2, 5, 11]) after.push(await dead(ledger, app, partition))
  await untilGone(ledger, ...after)
  t.true(await isThere(ledger, stuck))
  t.true(ledger.lines.some(({ msg }) => String(msg).startsWith('what is dead could not be swept')))
})

/** A grant in this partition whose tokens have been dead for long. */
async function dead(
  ledger: PastLedger,
  app: Parameters<PastLedger['issuedAgo']>[0],
  partition: number,
): Promise<string> {
  const id = `${uuidv7().slice(0, -8)}${(Math.floor(Math.random() * 2 ** 24) * 12 + partition).toString(16).padStart(8, '0')}`
  await ledger.issuedAgo(app, deadFor(2 * HOUR_S), { grant_id: id })
  return id
}

test('nothing is swept while somebody writes to the partition, or by a checkpoint that has moved', async (t) => {
  const ledger = await startPastLedger(t, BY_HAND)
  const { knex, schema, topics } = ledger.runtime
  const app = await ledger.client()
  const { grant_id } = await ledger.issuedAgo(app, deadFor(2 * HOUR_S))
  const place = placeOf(topics, grant_id)
  const [queue] = await dueQueues(ledger.runtime, 'tokens', [place])
  const checkpoint = (await loadCheckpoints(ledger.runtime, [topics.grants])).find((one) => isSamePlace(one, place))
  if (!queue || !checkpoint) return t.fail('nothing is due')
  const { next } = checkpoint
  t.is(await sweep(ledger.runtime, queue, { next: next - 1, limit: 10 }), null)
  await knex.transaction(async (tx) => {
    await tx.raw(`SELECT 1 FROM ${schema}.checkpoints WHERE topic = ? AND partition = ? FOR UPDATE`, [
      place.topic,
      place.partition,
    ])
    t.is(await sweep(ledger.runtime, queue, { next, limit: 10 }), null)
  })
  t.true(await isThere(ledger, grant_id))
  t.deepEqual(await sweep(ledger.runtime, queue, { next, limit: 10 }), { tokens: 1, grants: 1, from: null })
})

test('a projector that remembers a grant which somebody else swept does not bring it back', async (t) => {
  const ledger = await startPastLedger(t, BY_HAND)
  const app = await ledger.client()
  const { grant_id } = await ledger.issuedAgo(app, deadFor(2 * HOUR_S))
  t.deepEqual(await sweepAll(ledger.runtime), { tokens: 1, grants: 1 })
  const voids = async () =>
    (await loadCheckpoints(ledger.runtime, [ledger.runtime.topics.grants]))[partitionOf(grant_id)]?.void_count
  t.is(await voids(), 0)
  await ledger.tell(revoked({ grant_id, client_id: app.client_id }), 0)
  t.false(await isThere(ledger, grant_id))
  t.is(await voids(), 1)
})
