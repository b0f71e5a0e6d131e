import test from 'ava'
import fc from 'fast-check'
import type { GrantEvent, GrantFact, Recorded, RegistryFact } from '../../shared/ledger/events.ts'
import { evolve, foldGrant } from '../../shared/ledger/grant/evolve.ts'
import { createRegistry } from '../../shared/ledger/registry/evolve.ts'
import { UNKNOWN_GRANT, type GrantState } from '../../shared/ledger/grant/state.ts'
import {
  answerRefresh,
  refreshTokens,
  type NextGeneration,
  type RefreshCommand,
} from '../../shared/ledger/grant/commands/refresh.ts'
import { registryKeyOf, uniqueNameOf } from '../../shared/ledger/registry/state.ts'
import { type Made, Young } from '../../shared/ledger/grant/young.ts'
import { revokeGrant } from '../../shared/ledger/grant/commands/revoke.ts'
import { T0, STANDS, authorized, client, issued, recorded, registered, sealedUser, user } from './given.ts'

type Log = Recorded<GrantEvent>[]
type Step = { op: 'refresh' | 'revoke' | 'land' | 'copy' | 'begin'; stale: number; pick: number; ms: number }
type Setting = { grace: number; rotation: boolean; limit: number | null; lifetime: number | null }

const step: fc.Arbitrary<Step> = fc.record({
  op: fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom('refresh' as const, 'land' as const) },
    { weight: 2, arbitrary: fc.constantFrom('copy' as const, 'begin' as const, 'revoke' as const) },
  ),
  stale: fc.nat(4),
  pick: fc.nat(50),
  ms: fc.oneof(
    { weight: 9, arbitrary: fc.integer({ min: 0, max: 9000 }) },
    { weight: 1, arbitrary: fc.integer({ min: -5000, max: 40_000 }) },
  ),
})
const setting: fc.Arbitrary<Setting> = fc.record({
  grace: fc.constantFrom(0, 5, 30, 300),
  rotation: fc.boolean(),
  limit: fc.constantFrom(null, null, 0, 3),
  lifetime: fc.constantFrom(null, 20, 3600),
})
const steps = fc.array(step, { maxLength: 60, size: 'max' })
const RUNS = { numRuns: 400 }

const firstFact = ({ grace, rotation, limit, lifetime }: Setting): GrantFact =>
  issued({
    refresh: { lifetime, absolute_lifetime: null, limit },
    refresh_grace_seconds: grace,
    refresh_rotation: rotation,
  })

/** The row of a generation as a projector would have written it at once. */
function rowOf(log: Log, generation: number): NextGeneration | null {
  let state: GrantState = UNKNOWN_GRANT
  for (const one of log) {
    const evolved = evolve(state, one)
    state = evolved.state
    if (evolved.void || state.status !== 'live' || state.current.event_id !== one.event.id) continue
    const { event_id, scope, at } = state.current
    if (state.current.generation === generation) return { generation, event_id, scope, projected_at: at }
  }
  return null
}

const present = (log: Log, generation: number, now: number, { grace, rotation }: Setting): RefreshCommand => {
  const state = foldGrant(log)
  const latest = state.status === 'live' ? state.access_generation : 0
  return {
    client_id: 'shop',
    presented_generation: generation,
    scope: null,
    client: STANDS,
    user: STANDS,
    now,
    kid: 1,
    access_token_lifetime: 3600,
    refresh_grace_seconds: grace,
    next: rowOf(log, rotation ? generation + 1 : latest),
  }
}

/** Writers that decide on what they read some records ago, and whose events land late, in any order, and twice. */
function play(setting: Setting, script: Step[]): Log {
  const log: Log = []
  const pending: { fact: GrantFact; id: string; written: number }[] = []
  let now = T0
  const land = ({ fact, id, written }: (typeof pending)[number]) => {
    log.push(recorded(fact, (now - T0) / 1000, { id, written: (written - T0) / 1000, offset: log.length }))
  }
  const decided = (fact: GrantFact | undefined) => {
    if (fact) pending.push({ fact, id: `event ${pending.length}`, written: now })
  }
  decided(firstFact(setting))
  for (const { op, stale, pick, ms } of script) {
    now += ms
    const known = log.slice(0, Math.max(log.length - stale, 0))
    const state = foldGrant(known)
    const latest = state.status === 'live' ? state.refresh_generation : 1
    if (op === 'begin') decided(pick % 2 ? authorized() : firstFact(setting))
    if (op === 'refresh') {
      const generation = latest - (pick < 40 ? 0 : pick % 4) + (pick > 48 ? 2 : 0)
      decided(refreshTokens(state, present(known, generation, now, setting)).event)
    }
    if (op === 'revoke' && pick < 8) {
      const revoked_by = { type: 'client', id: 'shop' } as const
      decided(revokeGrant(state, { client_id: 'shop', reason: 'x', revoked_by, now }).event)
    }
    const landing = pending.at(-1 - (pick % 3)) ?? pending[0]
    if (op === 'land' && landing) land(landing)
    const copied = log[pick % (log.length || 1)]
    if (op === 'copy' && copied) {
      log.push({ ...copied, position: { ...copied.position, offset: log.length }, timestamp: now })
    }
  }
  return log
}

/** The events that count, in order. */
function counting(log: Log): Log {
  let state: GrantState = UNKNOWN_GRANT
  return log.filter((one) => {
    const evolved = evolve(state, one)
    state = evolved.state
    return evolved.void === undefined
  })
}

const refreshes = (log: Log) => log.flatMap(({ event }) => (event.type === 'TokenRefreshed' ? [event.data] : []))

test('whatever the interleaving, the events that count are one chain: begun once, each generation once, ended once', (t) => {
  fc.assert(
    fc.property(setting, steps, (setting, script) => {
      const counted = counting(play(setting, script))
      const types = counted.map(({ event }) => event.type)
      const made = refreshes(counted)
      t.deepEqual(
        made.map((data) => data.access_generation),
        made.map((_, n) => n + 2),
      )
      t.true(made.every((data) => data.refresh_generation === (isRotating(counted) ? data.access_generation : 1)))
      t.true(types.filter((type) => type === 'TokenIssued').length <= 1)
      const end = types.findIndex((type) => type === 'TokenRevoked' || type === 'TokenReuseDetected')
      t.true(end === -1 || end === types.length - 1)
      t.is(new Set(counted.map(({ event }) => event.id)).size, counted.length, 'no event counts twice')
    }),
    RUNS,
  )
})

function isRotating(counted: Log): boolean {
  return counted.some(({ event }) => event.type === 'TokenIssued' && event.data.refresh_rotation)
}

test('whatever the interleaving, at most one refresh token of a grant can make a new generation', (t) => {
  fc.assert(
    fc.property(setting, steps, fc.nat(400_000), (setting, script, later) => {
      const log = play(setting, script)
      const state = foldGrant(log)
      const now = (state.status === 'unknown' ? T0 : state.at) + later
      const generations = Array.from({ length: refreshes(log).length + 4 }, (_, n) => n)
      const makes = (generation: number) => {
        const { event } = refreshTokens(state, present(log, generation, now, { ...setting, grace: 0 }))
        return event?.type === 'TokenRefreshed'
      }
      t.true(generations.filter(makes).length <= 1)
    }),
    RUNS,
  )
})

test('folding in batches of any sizes, each through JSON, is folding at once', (t) => {
  fc.assert(
    fc.property(setting, steps, fc.array(fc.integer({ min: 1, max: 9 })), (setting, script, sizes) => {
      const log = play(setting, script)
      let state: GrantState = UNKNOWN_GRANT
      for (let from = 0; from < log.length;) {
        const size = sizes.shift() ?? 4
        state = foldGrant(log.slice(from, from + size), throughJson(state))
        from += size
      }
      t.deepEqual(state, foldGrant(log))
    }),
    RUNS,
  )
})

function throughJson(state: GrantState): GrantState {
  const revive = (name: string, value: unknown) => (name === 'young' ? Young.of(value as Iterable<Made>) : value)
  return JSON.parse(JSON.stringify(state), revive) as GrantState
}

test('void events change nothing: without them, and with every record doubled, the state is the same', (t) => {
  fc.assert(
    fc.property(setting, steps, (setting, script) => {
      const log = play(setting, script)
      t.deepEqual(foldGrant(counting(log)), foldGrant(log))
      t.deepEqual(foldGrant(log.flatMap((one) => [one, one])), foldGrant(log))
    }),
    RUNS,
  )
})

test('no late copy of any record changes the state', (t) => {
  fc.assert(
    fc.property(setting, steps, fc.nat(), (setting, script, pick) => {
      const log = play(setting, script)
      const end = foldGrant(log)
      const copied = counting(log)[pick % (counting(log).length || 1)]
      if (!copied || end.status === 'unknown') return
      t.deepEqual(evolve(end, { ...copied, timestamp: end.at + 100_000 }).state, end)
      const revived = evolve(UNKNOWN_GRANT, { ...copied, timestamp: Date.parse(copied.event.time) + 60_001 })
      t.is(revived.state.status, 'unknown', 'not even after the grant was swept')
    }),
    RUNS,
  )
})

test('what decide finds in order, evolve does not void: an event that lands on the state it was decided on counts', (t) => {
  const moves = fc.array(fc.record({ back: fc.nat(2), ms: fc.nat(20_000), lag: fc.nat(3000) }), { maxLength: 30 })
  fc.assert(
    fc.property(setting, moves, (setting, moves) => {
      const log: Log = [recorded(firstFact(setting), 0)]
      let now = T0
      for (const { back, ms, lag } of moves) {
        now += ms
        const state = foldGrant(log)
        if (state.status !== 'live') return
        const command = present(log, state.refresh_generation - back, now, setting)
        // The projection is later than the record, so the decision is more lenient than the verdict.
        const next = command.next && { ...command.next, projected_at: Math.min(now, command.next.projected_at + lag) }
        const { event } = refreshTokens(state, { ...command, next })
        if (!event) continue
        const one = recorded(event, (now - T0) / 1000, { id: `event ${log.length}` })
        t.is(evolve(state, one).void, undefined)
        log.push(one)
      }
    }),
    RUNS,
  )
})

test('all racers for one generation are answered with the same tokens, those of the one event that counted', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 10 }), fc.nat(9), fc.boolean(), (racers, winner, rotation) => {
      const setting: Setting = { grace: 30, rotation, limit: null, lifetime: null }
      const before: Log = [recorded(firstFact(setting), 0)]
      const facts = Array.from({ length: racers }, () => {
        return refreshTokens(foldGrant(before), present(before, 1, T0 + 5000, setting)).event
      })
      const order = [winner % racers, ...facts.keys()]
      const log = [
        ...before,
        ...order.flatMap((n) => {
          const fact = facts[n]
          return fact ? [recorded(fact, 6, { id: `of ${n}` })] : []
        }),
      ]
      const answers = facts.map((_, n) => {
        return answerRefresh(foldGrant(log), {
          ...present(log, 1, T0 + 7000, setting),
          event_id: `of ${n}`,
          logged_at: T0 + 6000,
        })
      })
      t.deepEqual(new Set(answers.map((answer) => answer.generation)), new Set([2]))
      t.is(counting(log).length, 2)
      t.is(rowOf(log, 2)?.event_id, `of ${winner % racers}`)
    }),
  )
})

test('whatever landed before and after a refresh, its answer is a pair or a refusal, and never a contradiction', (t) => {
  let answered = 0
  fc.assert(
    fc.property(setting, steps, fc.nat(50_000), (setting, script, late) => {
      const log = play(setting, script)
      for (const [n, { event, timestamp }] of log.entries()) {
        if (event.type !== 'TokenRefreshed') continue
        const generation = event.data.refresh_generation - (setting.rotation ? 1 : 0)
        const seen = log.slice(0, n + 1 + (late % (log.length - n)))
        const command = present(seen, generation, timestamp + (late % 3) - 1, setting)
        const answer = answerRefresh(foldGrant(seen), { ...command, event_id: event.id, logged_at: timestamp })
        t.is(answer.contradiction, undefined)
        answered++
      }
    }),
    RUNS,
  )
  t.true(answered > RUNS.numRuns)
})

const registryFact: fc.Arbitrary<RegistryFact> = fc
  .record({
    ...{ kind: fc.nat(7), revision: fc.integer({ min: 1, max: 5 }), id: fc.nat(2), name: fc.nat(2) },
    password_epoch: fc.integer({ min: 1, max: 4 }),
  })
  .map(({ kind, revision, id, name, password_epoch }): RegistryFact => {
    const ours = client({ client_id: `c${id}`, client_name: `name ${name}` })
    const theirs = user({ sub: `u${id}`, personal: { username: `name ${name}`, name: null, email: null } })
    const facts: RegistryFact[] = [
      { type: 'ClientRegistered', data: { revision, client: ours } },
      { type: 'ClientChanged', data: { revision, client: ours } },
      { type: 'ClientDeleted', data: { revision, client_id: ours.client_id } },
      { type: 'UserPut', data: { revision, user: theirs } },
      { type: 'UserDeleted', data: { revision, sub: theirs.sub } },
      { type: 'UserGrantsRevoked', data: { revision, user: theirs, reason: 'x' } },
      { type: 'LedgerCreated', data: { ledger_id: `l${id}` } },
      { type: 'UserPasswordSet', data: { revision, user: sealedUser(theirs.sub, `index ${name}`), password_epoch } },
    ]
    return facts[kind] ?? { type: 'LedgerCreated', data: { ledger_id: 'l' } }
  })

test('whatever is appended to the registry, names stay unique, revisions dense, and batches do not matter', (t) => {
  fc.assert(
    fc.property(fc.array(registryFact, { maxLength: 60 }), fc.nat(60), (facts, cut) => {
      const whole = createRegistry()
      const counted = new Map<string, number>()
      const records = facts.map((fact, offset) => registered(fact, offset))
      for (const one of records) {
        if (whole.apply(one).void) continue
        const key = registryKeyOf(one.event)
        counted.set(key, (counted.get(key) ?? 0) + 1)
        t.truthy(whole.apply(one).void, 'a copy is void')
      }
      for (const entity of whole.entities()) t.is(entity.revision, counted.get(entity.key) ?? 0)
      const names = whole.entities().flatMap((entity) => uniqueNameOf(entity) ?? [])
      t.is(new Set(names).size, names.length)
      const first = createRegistry()
      for (const one of records.slice(0, cut)) first.apply(one)
      const second = createRegistry(first.entities())
      for (const one of records.slice(cut)) second.apply(one)
      t.deepEqual(second.entities(), whole.entities())
    }),
    RUNS,
  )
})

test('whatever becomes of a user, the epoch of the password only rises: to that of the next, and past it by a deletion', (t) => {
  let set = 0
  const lives = fc.array(registryFact, { maxLength: 60, size: 'max' })
  fc.assert(
    fc.property(lives, (facts) => {
      const registry = createRegistry()
      for (const [offset, asked] of facts.entries()) {
        const before = registry.get(registryKeyOf(asked))
        const fact = { ...asked, data: { ...asked.data, revision: (before?.revision ?? 0) + 1 } } as RegistryFact
        const { entity } = registry.apply(registered(fact, offset))
        if (entity?.kind !== 'user') continue
        const [epoch, after] = [before?.password_epoch ?? 0, entity.password_epoch ?? 0]
        if (fact.type === 'UserPasswordSet') {
          t.true(after === fact.data.password_epoch && after > epoch && entity.not_before === offset)
          set++
        } else t.is(after, fact.type === 'UserDeleted' ? epoch + 2 : epoch, fact.type)
      }
    }),
    RUNS,
  )
  t.true(set > 100, `${set} passwords were set`)
})

test('the scripts that these properties run reach every way in which a grant can end, and long chains', (t) => {
  const logs = fc.sample(fc.tuple(setting, steps), { numRuns: 1000, seed: 1 }).map(([setting, script]) => {
    return counting(play(setting, script))
  })
  const ends = logs.map((log) => log.at(-1)?.event.type)
  for (const type of ['TokenIssued', 'TokenRefreshed', 'TokenReuseDetected', 'TokenRevoked'] as const) {
    t.true(ends.filter((end) => end === type).length >= 10, type)
  }
  t.true(logs.filter((log) => refreshes(log).length >= 3).length >= 50)
})
