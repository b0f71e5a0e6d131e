import fc from 'fast-check'
import { v7 as uuidv7 } from 'uuid'
import { envelop } from '../../../shared/event-log/event-codec.ts'
import type { GrantEvent, GrantFact, Recorded } from '../../../shared/ledger/events.ts'
import { evolve } from '../../../shared/ledger/grant/evolve.ts'
import { type Generation, type GrantState, issuedOf, UNKNOWN_GRANT } from '../../../shared/ledger/grant/state.ts'
import { mayBeSwept } from '../../../shared/ledger/grant/sweepable.ts'
import { authorized, exchanged, issued, refreshed, reuse, revoked } from '../../ledger/given.ts'

/** Lives of some grants over hours. Events and ends are on whole minutes, whoever asks does so at half a minute. */
export type SweptLives = { grants: Script[]; looks: number[] }

type Script = { code: boolean; access: number | null; policy: Policy | null; rest: number; steps: Step[] }
type Policy = { lifetime: number | null; absolute: number | null; limit: number | null }
type Step = {
  op: 'refresh' | 'issue' | 'exchange' | 'revoke' | 'reuse'
  gap: number
  access: number | null
  kid: number
}

const access = fc.constantFrom(null, 5, 5, 70, 300)
const step: fc.Arbitrary<Step> = fc.record({
  op: fc.constantFrom('refresh', 'refresh', 'refresh', 'refresh', 'issue', 'exchange', 'revoke', 'reuse'),
  gap: fc.constantFrom(0, 1, 20, 58, 64, 130),
  access,
  kid: fc.integer({ min: 1, max: 2 }),
})
const script: fc.Arbitrary<Script> = fc.record({
  code: fc.nat(4).map((n) => n === 0),
  access,
  policy: fc.option(
    fc.record({
      lifetime: fc.constantFrom(null, 30, 90),
      absolute: fc.constantFrom(null, null, 200),
      limit: fc.constantFrom(null, null, null, 1, 3),
    }),
    { freq: 6 },
  ),
  rest: fc.constantFrom(0, 30, 61, 100, 250),
  steps: fc.array(step, { maxLength: 6, size: 'max' }),
})

export const sweptLives: fc.Arbitrary<SweptLives> = fc.record({
  grants: fc.array(script, { minLength: 4, maxLength: 12, size: 'max' }),
  /** When it is swept in between, in minutes ago. */
  looks: fc.array(fc.constantFrom(10, 40, 70, 90, 130, 200, 300, 500), { maxLength: 3 }),
})

type Placed = Omit<Recorded<GrantEvent>, 'position'>

/** One grant as the core sees it. */
export type FoldedGrant = {
  grant_id: string
  state: GrantState
  generations: Generation[]
  records: Placed[]
  /** Whether an event counted that came when the grant might have been swept: then nobody knows what became of it. */
  isLate: boolean
}

/** So many whole minutes before half a minute ago (ms). */
export function minutesAgo(now: number, minutes: number): number {
  return now - 30_000 - minutes * 60_000
}

export function foldedLives({ grants }: SweptLives, now: number): FoldedGrant[] {
  return grants.map((script) => folded(script, now))
}

function folded({ code, access, policy, rest, steps }: Script, now: number): FoldedGrant {
  const grant_id = uuidv7()
  const grant: FoldedGrant = { grant_id, state: UNKNOWN_GRANT, generations: [], records: [], isLate: false }
  const seconds = (minutes: number | null) => (minutes === null ? null : minutes * 60)
  const tokens = { access_token_lifetime: seconds(access), grant_id }
  const refresh = policy && {
    lifetime: seconds(policy.lifetime),
    absolute_lifetime: seconds(policy.absolute),
    limit: policy.limit,
  }
  let age = rest + steps.reduce((sum, { gap }) => sum + gap, 0)
  const terms = { ...tokens, refresh }
  tell(grant, code ? authorized({ ...terms, code_lifetime: 600 }) : issued(terms), minutesAgo(now, age))
  for (const { op, gap, access, kid } of steps) {
    age -= gap
    const { access_generation = 0, refresh_generation = 0 } = issuedOf(grant.state) ?? {}
    const next = refreshed(access_generation + 1, {
      grant_id,
      kid,
      refresh_generation: refresh_generation + 1,
      access_token_lifetime: seconds(access),
    })
    const facts: Record<Step['op'], GrantFact> = {
      refresh: next,
      issue: issued(terms),
      exchange: exchanged({ grant_id, kid }),
      revoke: revoked({ grant_id }),
      reuse: reuse(1, { grant_id, refresh_grace_seconds: 0 }),
    }
    // Nobody issues tokens to a grant of long ago: that is a late copy, which keeps its writer's time.
    const first = grant.records[0]?.timestamp ?? 0
    const isCopy = op === 'issue' && minutesAgo(now, age) - first > 600_000
    tell(grant, facts[op], minutesAgo(now, age), isCopy ? first : undefined)
  }
  return grant
}

function tell(grant: FoldedGrant, fact: GrantFact, timestamp: number, written = timestamp): void {
  const record = { event: envelop(fact, 'https://ledger.example', { actor: 'test' }, written), timestamp }
  const before = grant.state
  const evolved = evolve(before, { ...record, position: { topic: 'grants', partition: 0, offset: 0 } })
  grant.records.push(record)
  grant.state = evolved.state
  if (evolved.void === undefined && mayBeSwept(before, timestamp)) grant.isLate = true
  const { state } = evolved
  if (state.status === 'live' && !grant.generations.includes(state.current)) grant.generations.push(state.current)
}
