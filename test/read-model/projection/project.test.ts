import { envelop, outgoing } from '../../../shared/event-log/event-codec.ts'
import {
  isSamePlace,
  placeOf,
  placeText,
  registryPlace,
  type TopicPartition,
} from '../../../shared/event-log/places.ts'
import { readBatch } from '../../../shared/event-log/fold-log.ts'
import { NO_SKIPS } from '../../support/skipping.ts'
import type { Fact, GrantFact } from '../../../shared/ledger/events.ts'
import type { GrantState } from '../../../shared/ledger/grant/state.ts'
import { loadCheckpoints, markPartition } from '../../../shared/read-model/checkpoints.ts'
import { CheckpointTaken, type KnownStep, project, withPeople } from '../../../shared/read-model/projection/project.ts'
import { GRANT_ID, issued, refreshed, user } from '../../ledger/given.ts'
import { ISSUER, startLedger, type TestLedger } from '../../support/ledger.ts'
import { realTest } from '../../support/real-parts.ts'

const test = realTest('postgres')

/** Folds what lies in these partitions, in one transaction and this order, as one projector that remembers grants. */
function createFolding({ runtime }: TestLedger) {
  const { knex, schema, log, topics, people } = runtime
  const known = new Map<string, Map<string, GrantState>>()

  async function prepare(place: TopicPartition): Promise<KnownStep> {
    const { topic, partition } = place
    const checkpoints = await loadCheckpoints({ knex, schema }, [topics.grants, topics.registry])
    const checkpoint = checkpoints.find((one) => isSamePlace(one, place))
    const bound = (await log.bounds([topic])).find((one) => isSamePlace(one, place))
    const name = placeText(place)
    if (!checkpoint || !bound) throw new Error(`there is no ${name}`)
    if (!known.has(name)) known.set(name, new Map())
    for await (const batch of log.read({ topic, partition, from: checkpoint.next, to: bound.end }))
      return withPeople({ people }, { ...readBatch(batch, checkpoint, NO_SKIPS), known: known.get(name) })
    throw new Error(`nothing lies in ${name}`)
  }

  return async (...places: TopicPartition[]) =>
    project({ knex, schema, people }, await Promise.all(places.map(async (place) => prepare(place))))
}

test('a grant that was folded together with a registry batch of the same partition number is remembered as it is', async (t) => {
  const ledger = await startLedger(t, { services: [] })
  const { knex, schema, log, topics } = ledger.runtime
  const fold = createFolding(ledger)
  const grant_id = '01890a5d-ac96-774b-bcce-00000000000c'
  const [registry, grants] = [registryPlace(topics), placeOf(topics, grant_id)]
  t.is(grants.partition, 0)
  const append = (fact: GrantFact) => log.append(outgoing(envelop(fact, ISSUER, { actor: 'test' }, Date.now()), topics))

  await append(issued({ grant_id }))
  await fold(grants)
  await append(refreshed(2, { grant_id }))
  await fold(registry, grants)
  await append(refreshed(3, { grant_id }))
  await fold(grants)
  const row = await knex.withSchema(schema).from('grants').where({ grant_id }).first<{ access_generation: number }>()
  t.is(row?.access_generation, 3)
})

test('a user who is folded together with grants, in whatever order, has the name that was sealed', async (t) => {
  const ledger = await startLedger(t, { services: [] })
  const { knex, schema, log, topics, people } = ledger.runtime
  const fold = createFolding(ledger)
  const [registry, grants] = [registryPlace(topics), placeOf(topics, GRANT_ID)]
  const append = (fact: Fact) => log.append(outgoing(envelop(fact, ISSUER, { actor: 'test' }, Date.now()), topics))
  for (const [at, places] of [
    [grants, registry],
    [registry, grants],
  ].entries()) {
    const [sub, username] = [`user-${at}`, `name-${at}`]
    await append(at === 0 ? issued() : refreshed(2))
    const sealed = await people.seal(user({ sub, personal: { username, name: null, email: null } }))
    await append({ type: 'UserPut', data: { revision: 1, user: sealed } })
    await fold(...places)
    const row = await knex.withSchema(schema).from('users').where({ sub }).first<{ username: string | null }>()
    t.like(row, { username, personal_state: null }, places.map(placeText).join(' and '))
  }
})

test('a partition that has diverged is not moved on, whoever still folds it', async (t) => {
  const ledger = await startLedger(t, { services: [] })
  const { knex, schema, log, topics } = ledger.runtime
  const fold = createFolding(ledger)
  const place = placeOf(topics, GRANT_ID)
  const append = (fact: GrantFact) => log.append(outgoing(envelop(fact, ISSUER, { actor: 'test' }, Date.now()), topics))
  await append(issued())
  await fold(place)
  await markPartition({ knex, schema }, place, 'diverged', 'another log')
  await append(refreshed(2))
  await t.throwsAsync(fold(place), { instanceOf: CheckpointTaken })
  const checkpoint = (await loadCheckpoints({ knex, schema }, [topics.grants]))[place.partition]
  t.like(checkpoint, { next: 1, status: 'diverged', status_reason: 'another log' })
  const grant = await knex.withSchema(schema).from('grants').first<{ access_generation: number }>()
  t.is(grant?.access_generation, 1)
})
