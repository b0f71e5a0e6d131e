import { randomBytes } from 'node:crypto'
import { v7 as uuidv7 } from 'uuid'
import { envelop, outgoing } from '../../shared/event-log/event-codec.ts'
import { partitionOf } from '../../shared/event-log/places.ts'
import type { GrantFact, RegistryFact } from '../../shared/ledger/events.ts'
import { loadCheckpoints } from '../../shared/read-model/checkpoints.ts'
import { issued } from '../ledger/given.ts'
import { ISSUER, startLedger, type TestLedger } from '../support/ledger.ts'
import { realTest } from '../support/real-parts.ts'
import { until } from '../support/waiting.ts'

const test = realTest('postgres')

test('a record that PostgreSQL refuses stops its partition before it; what was to be folded with it is folded', async (t) => {
  const ledger = await startLedger(t)
  const { knex, schema } = ledger.runtime
  await knex.raw(`ALTER TABLE ${schema}.grants ADD CONSTRAINT strange CHECK (client_id <> 'jane-doe')`)
  const grants = Array.from({ length: 200 }, () => issued({ grant_id: uuidv7(), client_id: 'app' }))
  const grant_id = uuidv7()
  grants.splice(100, 0, issued({ grant_id, client_id: 'jane-doe' }))
  const offsets = await Promise.all(grants.map((grant) => appendFact(ledger, grant)))
  const bad = { partition: partitionOf(grant_id), offset: offsets[100] ?? -1 }
  await until(async () => (await stopped(ledger)).length === 1 && (await behind(ledger)).length === 1, 'one stop')
  t.deepEqual(
    (await stopped(ledger)).map(({ partition, next, status_reason }) => ({ partition, next, status_reason })),
    [
      {
        partition: bad.partition,
        next: bad.offset,
        status_reason: `the record at offset ${bad.offset} cannot be folded: SQLSTATE 23514, table grants, constraint strange`,
      },
    ],
  )
  const { rows } = await knex.raw<{ rows: { folded: number }[] }>(
    `SELECT count(*)::int AS folded FROM ${schema}.grants`,
  )
  const after = grants.filter(
    ({ data }, i) => partitionOf(data.grant_id) === bad.partition && Number(offsets[i]) >= bad.offset,
  )
  t.is(rows[0]?.folded, grants.length - after.length)
  t.true(
    ledger.lines.some(({ msg, status }) => msg === 'partition is not projected any further' && status === 'stopped'),
  )
  t.false(JSON.stringify(ledger.lines).includes('jane-doe'))
})

test('a name that no index takes is a stop with its reason, and the grants go on', async (t) => {
  const ledger = await startLedger(t)
  const user = { sub: randomBytes(6_000).toString('base64'), groups: [], enabled: true }
  const personal = { username: randomBytes(6).toString('hex'), name: 'Jane Doe', email: null }
  const offset = await appendFact(ledger, { type: 'UserPut', data: { revision: 1, user: { ...user, personal } } })
  await until(async () => (await stopped(ledger)).length === 1, 'a stop')
  t.deepEqual(
    (await stopped(ledger)).map(({ topic, status_reason }) => [topic, status_reason]),
    [
      [
        ledger.runtime.topics.registry,
        `the record at offset ${offset} cannot be folded: SQLSTATE 54000, table users, constraint users_pkey`,
      ],
    ],
  )
  await appendFact(ledger, issued({ grant_id: uuidv7() }))
  await until(async () => (await behind(ledger)).length === 1, 'the grants alone')
  t.false(JSON.stringify(ledger.lines).includes('Jane Doe'))
})

test('a read model of another shape stops what would be written to it, by its reason, and does not grow old in silence', async (t) => {
  const ledger = await startLedger(t)
  await ledger.runtime.knex.raw(`ALTER TABLE ${ledger.runtime.schema}.grants RENAME COLUMN client_id TO client`)
  const grant = issued({ grant_id: uuidv7() })
  await appendFact(ledger, grant)
  await until(async () => (await stopped(ledger)).length === 1, 'a stop')
  const [stop] = await stopped(ledger)
  t.is(stop?.partition, partitionOf(grant.data.grant_id))
  t.is(stop?.status_reason, 'the record at offset 0 cannot be folded: SQLSTATE 42703')
})

test('what keeps the projector from folding is in the log, without what it was folding', async (t) => {
  const ledger = await startLedger(t)
  const { knex, schema } = ledger.runtime
  await knex.raw(`CREATE FUNCTION ${schema}.wait() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'not now' USING ERRCODE = '55P03', DETAIL = 'Jane Doe'; END $$;
    CREATE TRIGGER wait BEFORE INSERT ON ${schema}.users FOR EACH STATEMENT EXECUTE FUNCTION ${schema}.wait()`)
  const waiting = ledger.user({ personal: { username: 'jane', name: 'Jane Doe', email: null } })
  const told = () => ledger.lines.filter(({ msg }) => /^take failed, trying again/.test(String(msg)))
  await until(() => told().length > 1, 'two lines')
  await knex.raw(`DROP TRIGGER wait ON ${schema}.users`)
  await waiting
  t.like(told()[0], { err: { code: '55P03', severity: 'ERROR' } })
  t.false(JSON.stringify(told()).includes('detail'))
})

async function appendFact({ runtime }: TestLedger, fact: GrantFact | RegistryFact): Promise<number> {
  const event = envelop(fact, ISSUER, { actor: 'system/test' }, Date.now())
  return (await runtime.log.append(outgoing(event, runtime.topics))).offset
}

function checkpoints({ runtime }: TestLedger) {
  return loadCheckpoints(runtime, [runtime.topics.grants, runtime.topics.registry])
}

async function stopped(ledger: TestLedger) {
  return (await checkpoints(ledger)).filter(({ status }) => status === 'stopped')
}

/** The partitions that are not folded to their end. */
async function behind(ledger: TestLedger) {
  const { log, topics } = ledger.runtime
  const bounds = await log.bounds([topics.grants, topics.registry])
  const all = await checkpoints(ledger)
  return bounds.filter(({ topic, partition, end }) =>
    all.some((one) => one.topic === topic && one.partition === partition && one.next < end),
  )
}
