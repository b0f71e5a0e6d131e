import test from 'ava'
import { readFileSync } from 'node:fs'
import { isGrantEvent, type EventType, type LedgerEvent } from '../../shared/ledger/events.ts'
import { evolve, type VoidReason } from '../../shared/ledger/grant/evolve.ts'
import { createRegistry, type RegistryVoidReason } from '../../shared/ledger/registry/evolve.ts'
import { UNKNOWN_GRANT, type GrantState } from '../../shared/ledger/grant/state.ts'
import { partitionOf } from '../../shared/event-log/places.ts'

// Records of every event ever shipped, with the verdict that each has for ever. Lines are added here, never changed.
type Line = {
  verdict: 'valid' | VoidReason | RegistryVoidReason
  topic: string
  partition: number
  offset: number
  timestamp: number
  key: string
  value: LedgerEvent
}
const LINES = JSON.parse(readFileSync(new URL('./recorded-events.json', import.meta.url), 'utf8')) as Line[]

const TYPES = {
  AuthorizationGranted: true,
  CodeExchanged: true,
  TokenIssued: true,
  TokenRefreshed: true,
  TokenReuseDetected: true,
  TokenRevoked: true,
  LedgerCreated: true,
  ClientRegistered: true,
  ClientChanged: true,
  ClientSecretRenewed: true,
  ClientDeleted: true,
  ClientGrantsRevoked: true,
  ScopePut: true,
  ScopeDeleted: true,
  GroupPut: true,
  GroupDeleted: true,
  AclPut: true,
  AclDeleted: true,
  ResourcePut: true,
  ResourceDeleted: true,
  UserPut: true,
  UserDeleted: true,
  UserGrantsRevoked: true,
  UserPasswordSet: true,
  UserForgotten: true,
  KeyIntroduced: true,
  KeyRetired: true,
  RecordSkipped: true,
} satisfies Record<EventType, true>

const grants = new Map<string, GrantState>()
const registry = createRegistry()

function verdictOf({ topic, partition, offset, timestamp, value: event }: Line): string {
  const placed = { position: { topic, partition, offset }, timestamp }
  if (!isGrantEvent(event)) return registry.apply({ event, ...placed }).void ?? 'valid'
  const evolved = evolve(grants.get(event.subject) ?? UNKNOWN_GRANT, { event, ...placed })
  grants.set(event.subject, evolved.state)
  return evolved.void ?? 'valid'
}

const verdicts = LINES.map(verdictOf)

for (const [n, line] of LINES.entries()) {
  test(`record ${n}: ${line.value.type} ${line.key} is ${line.verdict}`, (t) => {
    t.is<string, string>(verdicts[n] ?? '', line.verdict)
    t.is(line.key, line.value.subject)
    t.is(line.partition, isGrantEvent(line.value) ? partitionOf(line.value.data.grant_id) : 0)
  })
}

test('every event type is recorded at least once where it counts', (t) => {
  const recorded = LINES.filter(({ verdict }) => verdict === 'valid').map(({ value }) => value.type)
  t.deepEqual([...new Set(recorded)].sort(), Object.keys(TYPES).sort())
})

test('the recorded life of each grant ends as it always did', (t) => {
  const ends = [...grants.values()].map((state) => (state.status === 'revoked' ? state.reason : state.status))
  t.deepEqual(ends, [
    'reuse',
    'logged_out',
    'live',
    'live',
    'live',
    'code was presented twice',
    'key_revoked',
    'code_reuse',
    'authorized',
  ])
})
