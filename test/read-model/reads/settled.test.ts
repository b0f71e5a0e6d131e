import test from 'ava'
import pino from 'pino'
import { WaitTimeout } from '../../../shared/read-model/position-waiter.ts'
import {
  readSettled,
  TO_END,
  TO_USE,
  TO_USE_CONSISTENTLY,
  type Asked,
  type Purpose,
} from '../../../shared/read-model/reads/settled.ts'
import type { TokenView } from '../../../shared/read-model/reads/tokens.ts'
import { Unsettled } from '../../../shared/read-model/unsettled.ts'
import { UNKNOWN_GRANT } from '../../../shared/ledger/grant/state.ts'
import { T0, authorized, given, issued, refreshed, revoked } from '../../ledger/given.ts'

const NOW = T0 + 600_000
const TOPICS = { grants: 'l.grants', registry: 'l.registry' }

/** A UUIDv7 of this time, in partition 5. */
const bornAt = (ms: number) => {
  const hex = ms.toString(16).padStart(12, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000005`
}

const fresh = (over: Partial<TokenView['checkpoint']> = {}): TokenView['checkpoint'] => ({
  next: 100,
  fresh_as_of: NOW,
  status: 'ok',
  status_reason: null,
  stalls: [],
  ...over,
})

const viewOf = (over: Partial<TokenView> = {}): TokenView => ({
  now: NOW,
  caller: null,
  grant: UNKNOWN_GRANT,
  client: null,
  user: null,
  generations: new Map(),
  checkpoint: fresh(),
  registry: fresh(),
  keys: new Map(),
  ...over,
})

const live = given([issued({ registry_position: 7 }), 0], [refreshed(2), 1])
const asked = (over: Partial<Asked> = {}): Asked => ({
  grant_id: bornAt(T0),
  kind: 'rt',
  generation: 1,
  kid: 1,
  ...over,
})

type Case = { purpose: Purpose; asked: Asked | null; first: TokenView; later?: TokenView; mute?: boolean }

/** Settles a question; tells the view, which places were waited for, and the alarms. */
async function settle({ purpose, asked, first, later = first, mute = false }: Case) {
  const waited: string[] = []
  const alarms: unknown[] = []
  const logger = pino({}, { write: (line: string) => void alarms.push((JSON.parse(line) as { alarm: unknown }).alarm) })
  const waiter = {
    past: async () => undefined,
    freshAsOf: async ({ topic, partition }: { topic: string; partition: number }) => {
      waited.push(`${topic}/${partition}`)
      if (mute) throw new WaitTimeout()
    },
  }
  const settling = { waiter, topics: TOPICS, logger, maxLagMs: 5_000, timeoutMs: 1_000 }
  const answer = await readSettled(settling, { purpose, asked, first, read: async () => later }).catch(
    (error: unknown) => error,
  )
  return { answer, waited, alarms }
}

const NEW = asked({ grant_id: bornAt(NOW - 1_000) })

for (const [name, purpose] of Object.entries({ TO_USE, TO_END })) {
  test(`${name}: an unknown grant that may be new is waited for, and then the answer is the later view's`, async (t) => {
    const later = viewOf({ grant: live })
    const { answer, waited } = await settle({ purpose, asked: NEW, first: viewOf(), later })
    t.deepEqual({ answer, waited }, { answer: later, waited: ['l.grants/5'] })
  })

  test(`${name}: an unknown grant that may be new is never denied while the read model is behind`, async (t) => {
    const { answer } = await settle({ purpose, asked: NEW, first: viewOf(), mute: true })
    t.true(answer instanceof WaitTimeout)
  })

  test(`${name}: an unknown grant that is older than the read model is surely not there: nobody waits`, async (t) => {
    const first = viewOf()
    const { answer, waited } = await settle({ purpose, asked: asked(), first })
    t.deepEqual({ answer, waited }, { answer: first, waited: [] })
  })

  test(`${name}: an unknown grant is not old where it is not known as of when the read model is`, async (t) => {
    const first = viewOf({ checkpoint: fresh({ fresh_as_of: null }) })
    t.deepEqual((await settle({ purpose, asked: asked(), first })).waited, ['l.grants/5'])
  })

  test(`${name}: a read that is older than what was waited for says nothing`, async (t) => {
    const later = viewOf({ checkpoint: fresh({ fresh_as_of: NOW - 1 }) })
    t.true((await settle({ purpose, asked: NEW, first: viewOf(), later })).answer instanceof Unsettled)
  })

  test(`${name}: a partition that stopped or diverged says nothing`, async (t) => {
    for (const status of ['stopped', 'diverged', 'missing']) {
      const first = viewOf({ grant: live, checkpoint: fresh({ status }) })
      t.true((await settle({ purpose, asked: asked(), first })).answer instanceof Unsettled)
    }
  })
}

for (const [kind, generation] of [
  ['rt', 3],
  ['at', 3],
] as const) {
  const question = asked({ kind, generation })
  test(`a generation ahead (${kind}) is waited for before it is used`, async (t) => {
    const later = viewOf({ grant: given([issued(), 0], [refreshed(2), 1], [refreshed(3), 2]) })
    const { answer, waited, alarms } = await settle({
      purpose: TO_USE,
      asked: question,
      first: viewOf({ grant: live }),
      later,
    })
    t.deepEqual({ answer, waited, alarms }, { answer: later, waited: ['l.grants/5'], alarms: [] })
  })

  test(`a generation (${kind}) that is ahead of a complete read model is an alarm, and the caller's to refuse`, async (t) => {
    const first = viewOf({ grant: live })
    const { answer, alarms } = await settle({ purpose: TO_USE, asked: question, first })
    t.deepEqual({ answer, alarms }, { answer: first, alarms: ['generation_ahead'] })
  })
}

test('a token of a grant that is only authorized is waited for, its code is not', async (t) => {
  const first = viewOf({ grant: given([authorized(), 0]), registry: fresh({ next: 1000 }) })
  t.deepEqual((await settle({ purpose: TO_USE, asked: asked(), first })).waited, ['l.grants/5'])
  t.deepEqual((await settle({ purpose: TO_USE, asked: asked({ kind: 'ac', generation: 0 }), first })).waited, [])
})

test('a registry older than what the grant was decided on is waited for before the grant is used', async (t) => {
  const first = viewOf({ grant: live, registry: fresh({ next: 6 }) })
  const later = viewOf({ grant: live, registry: fresh({ next: 7 }) })
  const { answer, waited } = await settle({ purpose: TO_USE, asked: asked(), first, later })
  t.deepEqual({ answer, waited }, { answer: later, waited: ['l.registry/0'] })
})

test('a registry that is complete and yet older than what a grant was decided on was lost: no answer, an alarm', async (t) => {
  const first = viewOf({ grant: live, registry: fresh({ next: 6 }) })
  const { answer, alarms } = await settle({ purpose: TO_USE, asked: asked(), first })
  t.true(answer instanceof Unsettled)
  t.deepEqual(alarms, ['registry_lost'])
})

test('a grant is ended whatever its generation, on whatever registry, on however old a read model', async (t) => {
  const first = viewOf({
    grant: live,
    registry: fresh({ next: 0, fresh_as_of: null }),
    checkpoint: fresh({ fresh_as_of: 0 }),
  })
  const { answer, waited } = await settle({ purpose: TO_END, asked: asked({ generation: 9 }), first })
  t.deepEqual({ answer, waited }, { answer: first, waited: [] })
})

test('a revoked grant is refused at once, also on an old registry', async (t) => {
  const first = viewOf({ grant: given([issued(), 0], [revoked(), 1]), registry: fresh({ next: 0 }) })
  const { answer, waited } = await settle({ purpose: TO_USE, asked: asked({ generation: 9 }), first })
  t.deepEqual({ answer, waited }, { answer: first, waited: [] })
})

test('a token is used on a recent read model only: of its grant, and of the registry', async (t) => {
  const old = fresh({ fresh_as_of: NOW - 5_001 })
  for (const part of [{ checkpoint: old }, { registry: old }]) {
    const first = viewOf({ grant: live, ...part })
    t.true((await settle({ purpose: TO_USE, asked: asked(), first })).answer instanceof Unsettled)
    t.true((await settle({ purpose: TO_USE, asked: null, first })).answer instanceof Unsettled)
  }
})

test('a stamp later than now says nothing: the clock of the database was set back', async (t) => {
  const ahead = fresh({ fresh_as_of: NOW + 1 })
  for (const part of [{ checkpoint: ahead }, { registry: ahead }]) {
    const first = viewOf({ grant: live, ...part })
    t.true((await settle({ purpose: TO_USE, asked: asked(), first })).answer instanceof Unsettled)
  }
  const later = viewOf({ checkpoint: ahead })
  for (const purpose of [TO_USE, TO_END])
    t.true((await settle({ purpose, asked: NEW, first: viewOf(), later })).answer instanceof Unsettled)
})

test('a consistent answer waits for both partitions, whatever the view shows', async (t) => {
  const { waited } = await settle({ purpose: TO_USE_CONSISTENTLY, asked: asked(), first: viewOf({ grant: live }) })
  t.deepEqual(waited, ['l.grants/5', 'l.registry/0'])
})
