import fc from 'fast-check'
import { envelop } from '../../shared/event-log/event-codec.ts'
import type {
  GrantEvent,
  GrantFact,
  Principal,
  Recorded,
  RegistryEvent,
  RegistryFact,
} from '../../shared/ledger/events.ts'
import { evolve } from '../../shared/ledger/grant/evolve.ts'
import { type GrantState, issuedOf, UNKNOWN_GRANT } from '../../shared/ledger/grant/state.ts'
import { createRegistry } from '../../shared/ledger/registry/evolve.ts'
import { registryKey } from '../../shared/ledger/registry/kinds.ts'
import { authorized, client, exchanged, issued, refreshed, reuse, revoked, terms, user } from '../ledger/given.ts'

/**
 * Lives of some grants, their clients and users, as scripts that become records when the time is known. All times are
 * whole minutes before half a minute ago, and all lifetimes whole minutes: whatever is asked now is far from every
 * edge.
 */
export type Lives = { registry: RegistryStep[]; grants: GrantScript[]; stalls: { grants: Stall; registry: Stall } }

/** In minutes ago; `null` = the read model never stood still. */
export type Stall = { stalled: number; resumed: number } | null

type RegistryStep = {
  name: ClientName | UserName
  op: 'put' | 'disable' | 'delete' | 'revoke all'
  secret: number | null
  /** The kid of the secret before, and whether its time is over. */
  previous: { kid: number; ended: boolean } | null
}
type GrantScript = {
  client_id: ClientName
  sub: UserName | null
  registry_position: number
  code_minutes: number | null
  age: number
  access: number | null
  policy: { lifetime: number | null; absolute: number | null; limit: number | null } | null
  rotation: boolean
  kid: number
  steps: GrantStep[]
}
type GrantStep = {
  op: 'refresh' | 'refresh late' | 'issue' | 'exchange' | 'reuse' | 'revoke'
  minutes: number
  kid: number
  access: number | null
  back: number
  grace: number
  narrow: boolean
}

const CLIENTS = ['shop', 'till'] as const
const USERS = ['ada', 'bob'] as const
type ClientName = (typeof CLIENTS)[number]
type UserName = (typeof USERS)[number]

const kid = fc.integer({ min: 1, max: 3 })
const minutes = fc.constantFrom(null, 1, 4, 20)

const registryStep: fc.Arbitrary<RegistryStep> = fc.record({
  name: fc.constantFrom(...CLIENTS, ...USERS),
  op: fc.constantFrom('put', 'put', 'disable', 'delete', 'revoke all', 'revoke all'),
  secret: fc.option(kid, { freq: 2 }),
  previous: fc.option(fc.record({ kid, ended: fc.boolean() })),
})
const everybody: RegistryStep[] = [...CLIENTS, ...USERS].map((name) => ({
  name,
  op: 'put',
  secret: null,
  previous: null,
}))
const registry = fc
  .tuple(fc.subarray(everybody, { minLength: 3 }), fc.array(registryStep, { maxLength: 4 }))
  .map((steps) => steps.flat())

const grantStep: fc.Arbitrary<GrantStep> = fc.record({
  op: fc.constantFrom(
    'refresh',
    'refresh',
    'refresh',
    'refresh',
    'issue',
    'exchange',
    'refresh late',
    'reuse',
    'revoke',
  ),
  minutes: fc.nat(3),
  kid,
  access: minutes,
  back: fc.integer({ min: 1, max: 2 }),
  grace: fc.constantFrom(0, 60, 300),
  narrow: fc.boolean(),
})
const grant: fc.Arbitrary<GrantScript> = fc.record({
  client_id: fc.constantFrom(...CLIENTS),
  sub: fc.option(fc.constantFrom(...USERS), { freq: 4 }),
  registry_position: fc.oneof(fc.nat(9), fc.constant(9)),
  code_minutes: fc.option(fc.constantFrom(1, 20), { freq: 2 }),
  age: fc.nat(10),
  access: minutes,
  policy: fc.option(fc.record({ lifetime: minutes, absolute: minutes, limit: fc.constantFrom(null, null, 0, 1, 2) })),
  rotation: fc.boolean(),
  kid,
  steps: fc.array(grantStep, { maxLength: 6, size: 'max' }),
})
const stall: fc.Arbitrary<Stall> = fc.option(
  fc.tuple(fc.nat(9), fc.nat(9)).map(([a, b]) => ({ stalled: Math.max(a, b), resumed: Math.min(a, b) })),
)

export const lives: fc.Arbitrary<Lives> = fc.record({
  registry,
  grants: fc.array(grant, { minLength: 4, maxLength: 10, size: 'max' }),
  stalls: fc.record({ grants: stall, registry: stall }),
})

/** So many whole minutes, and half a one, before `now` (ms). */
export function ago(now: number, minutes: number): number {
  return now - 30_000 - minutes * 60_000
}

/** The records of the registry and of each grant, not yet placed in the log. */
export function recordsOf(
  lives: Lives,
  now: number,
): { registry: Unplaced<RegistryEvent>[]; grants: Unplaced<GrantEvent>[] } {
  return {
    registry: registryRecords(lives.registry, ago(now, 15)),
    grants: lives.grants.flatMap((script, n) => grantRecords(script, grantId(n), now)),
  }
}

export type Unplaced<E extends GrantEvent | RegistryEvent> = Omit<Recorded<E>, 'position'>

// Two to a partition: what is folded for one must not reach the other.
const grantId = (n: number) => `01890a5d-ac96-774b-bcce-${(n * 6).toString(16).padStart(12, '0')}`

const SOURCE = 'https://ledger.example'

function registryRecords(steps: RegistryStep[], timestamp: number): Unplaced<RegistryEvent>[] {
  const known = createRegistry()
  const records: Unplaced<RegistryEvent>[] = []
  const tell = (fact: RegistryFact) => {
    const record = { event: envelop(fact, SOURCE, { actor: 'test' }, timestamp), timestamp }
    known.apply({ ...record, position: { topic: 'registry', partition: 0, offset: records.length } })
    records.push(record)
  }
  tell({ type: 'LedgerCreated', data: { ledger_id: '0b0c3f5e-1111-4222-8333-944455566677' } })
  for (const step of steps) {
    const isUser = step.name === 'ada' || step.name === 'bob'
    const before = known.get(registryKey(isUser ? 'user' : 'client', step.name))
    const place = { revision: (before?.revision ?? 0) + 1, lives: before !== undefined && !before.deleted }
    tell(isUser ? userFact(step, place) : clientFact(step, place))
  }
  return records
}

type Place = { revision: number; lives: boolean }

function clientFact({ name, op, secret, previous }: RegistryStep, { revision, lives }: Place): RegistryFact {
  const one = client({
    client_id: name,
    client_name: name,
    enabled: op !== 'disable',
    secret: secret === null ? null : { kid: secret, hash: 'x' },
    jwks: secret === null ? { keys: [{ kty: 'OKP', kid: 'a', crv: 'Ed25519', x: 'x' }] } : undefined,
    previous_secret: previous && { kid: previous.kid, hash: 'y', expires_at: previous.ended ? 1 : 2 ** 33 },
  })
  if (op === 'delete') return { type: 'ClientDeleted', data: { revision, client_id: name } }
  if (op === 'revoke all') return { type: 'ClientGrantsRevoked', data: { revision, client: one, reason: 'test' } }
  return { type: lives ? 'ClientChanged' : 'ClientRegistered', data: { revision, client: one } }
}

function userFact({ name, op }: RegistryStep, { revision }: Place): RegistryFact {
  const personal = { username: name, name: null, email: null }
  const one = user({ sub: name, personal, enabled: op !== 'disable' })
  if (op === 'delete') return { type: 'UserDeleted', data: { revision, sub: name } }
  if (op === 'revoke all') return { type: 'UserGrantsRevoked', data: { revision, user: one, reason: 'test' } }
  return { type: 'UserPut', data: { revision, user: one } }
}

const seconds = (minutes: number | null) => (minutes === null ? null : minutes * 60)

function grantRecords(script: GrantScript, grant_id: string, now: number): Unplaced<GrantEvent>[] {
  const records: Unplaced<GrantEvent>[] = []
  let state: GrantState = UNKNOWN_GRANT
  let { age } = script
  const tell = (fact: GrantFact) => {
    const timestamp = ago(now, age)
    const record = { event: envelop(fact, SOURCE, { actor: 'test' }, timestamp), timestamp }
    state = evolve(state, { ...record, position: { topic: 'grants', partition: 0, offset: 0 } }).state
    records.push(record)
  }
  tell(firstFact(script, grant_id))
  for (const step of script.steps) {
    age = Math.max(0, age - step.minutes)
    tell(nextFact(script, step, state, grant_id))
  }
  return records
}

function termsOf({ client_id, sub, policy, access, ...script }: GrantScript, grant_id: string) {
  const principal: Principal = sub === null ? { type: 'client', id: client_id } : { type: 'user', id: sub }
  const refresh = policy && {
    lifetime: seconds(policy.lifetime),
    absolute_lifetime: seconds(policy.absolute),
    limit: policy.limit,
  }
  const { registry_position, kid, rotation } = script
  const access_token_lifetime = seconds(access)
  const made = { registry_position, kid, access_token_lifetime, refresh, refresh_rotation: rotation }
  return terms({ grant_id, client_id, principal, ...made })
}

function firstFact(script: GrantScript, grant_id: string): GrantFact {
  const terms = termsOf(script, grant_id)
  if (script.code_minutes === null) return issued(terms)
  return authorized({ ...terms, code_lifetime: script.code_minutes * 60 })
}

function nextFact(script: GrantScript, step: GrantStep, state: GrantState, grant_id: string): GrantFact {
  const whose = { grant_id, client_id: script.client_id }
  const { access_generation = 0, refresh_generation = 0, refresh_rotation = true } = issuedOf(state) ?? {}
  switch (step.op) {
    case 'issue':
      return issued({ ...termsOf(script, grant_id), kid: step.kid })
    case 'exchange':
      return exchanged({ ...whose, kid: step.kid })
    case 'reuse':
      return reuse(Math.max(1, refresh_generation - step.back), { ...whose, refresh_grace_seconds: step.grace })
    case 'revoke':
      return revoked(whose)
    case 'refresh late':
    case 'refresh':
      return refreshed(Math.max(1, access_generation + (step.op === 'refresh' ? 1 : 0)), {
        ...whose,
        refresh_generation: Math.max(1, refresh_generation + (refresh_rotation ? 1 : 0)),
        kid: step.kid,
        access_token_lifetime: seconds(step.access),
        scope: step.narrow ? 'read' : 'read write',
      })
  }
}
