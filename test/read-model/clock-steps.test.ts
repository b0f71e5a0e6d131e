import test from 'ava'
import fc from 'fast-check'
import pino from 'pino'
import type { GrantEvent, GrantFact, Recorded } from '../../shared/ledger/events.ts'
import { evolve } from '../../shared/ledger/grant/evolve.ts'
import { accessTokenLiveness, grantStatus } from '../../shared/ledger/grant/liveness.ts'
import { refreshTokens } from '../../shared/ledger/grant/commands/refresh.ts'
import { type GrantState, UNKNOWN_GRANT } from '../../shared/ledger/grant/state.ts'
import { createClocks } from '../../shared/read-model/reads/clocks.ts'
import { type Freshness, requirePast, requireRecent } from '../../shared/read-model/reads/freshness.ts'
import { createStamps } from '../../shared/read-model/stamps.ts'
import { STALL_MS, type Stalls, stalledMs } from '../../shared/read-model/stall.ts'
import { Unsettled } from '../../shared/read-model/unsettled.ts'
import { issued, recorded, refreshed, revoked, STANDS, T0 } from '../ledger/given.ts'
import { marked } from './marked.ts'

// Three clocks that step as they like, and what an endpoint decides meanwhile: a model of the processes around the
// functions that decide. Time goes on in halves of a second; the projector marks freshness each second while it lives,
// and the endpoint looks at the checkpoint each second.

const TICK_MS = 500
const EVERY_MS = 1_000
const GRACE_MS = 30_000
const MAX_LAG_MS = 5_000
const PLACE = { topic: 'l.grants', partition: 5 }

type ClockName = 'process' | 'log' | 'database'
type Step =
  | { op: 'wait'; ms: number }
  | { op: 'step'; clock: ClockName; ms: number }
  | { op: 'projector' }
  | { op: 'revoke' }
  | { op: 'check' }
  | { op: 'retry' }

const anyMs = fc.oneof(
  fc.integer({ min: -2_500, max: 2_500 }),
  fc.integer({ min: -70_000, max: 70_000 }),
  fc.integer({ min: -86_400_000, max: 86_400_000 }),
)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ op: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 8_000 }) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      op: fc.constant('step' as const),
      clock: fc.constantFrom<ClockName[]>('process', 'log', 'database', 'database'),
      ms: anyMs,
    }),
  },
  { weight: 1, arbitrary: fc.constantFrom<Step[]>({ op: 'projector' }, { op: 'revoke' }) },
  { weight: 3, arbitrary: fc.constantFrom<Step[]>({ op: 'check' }, { op: 'retry' }) },
)
const script = fc.array(step, { maxLength: 40, size: 'max' })

type Checkpoint = Freshness & Stalls

/** A ledger whose client has refreshed once and lost the answer; `real` is what nobody's clock need show. */
function startModel() {
  let real = 0
  const ahead: Record<ClockName, number> = { process: 0, log: 0, database: 0 }
  const at = (clock: ClockName) => T0 + real + ahead[clock]
  const clocks = createClocks({
    maxSkewMs: 5_000,
    logger: pino({ level: 'silent' }),
    own: { monotonic: () => real, wall: () => at('process') },
  })
  const stamps = createStamps(() => real)
  const log: Recorded<GrantEvent>[] = []
  let folded = 0
  let state: GrantState = UNKNOWN_GRANT
  let checkpoint: Checkpoint = {
    ...{ next: 0, status: 'ok', status_reason: null },
    ...{ fresh_as_of: null, stalls: [] },
  }
  let isProjecting = true
  let projected_at = 0

  function append(fact: GrantFact): void {
    const timestamp = at('log')
    const written = recorded(fact, 0, { id: `${log.length}`, offset: log.length })
    log.push({ ...written, timestamp, event: { ...written.event, time: new Date(at('process')).toISOString() } })
    clocks.log(timestamp, real)
    if (isProjecting) fold()
  }

  function fold(): void {
    for (const one of log.slice(folded)) state = evolve(state, one).state
    if (folded < 2 && log.length >= 2) projected_at = at('database')
    folded = log.length
  }

  /** As an endpoint reads it. */
  function read() {
    const now = at('database')
    clocks.database(now, real)
    const fresh_as_of = stamps(PLACE, { stamp: checkpoint.fresh_as_of, now, sentAt: real })
    const shown = { ...checkpoint, fresh_as_of }
    return { now, checkpoint: shown, projected_at: projected_at + stalledMs(shown, projected_at, now) }
  }

  function wait(ms: number): void {
    for (const end = real + ms; real < end;) {
      real += Math.min(TICK_MS, end - real)
      if (real % EVERY_MS >= TICK_MS) continue
      if (isProjecting) fold()
      if (isProjecting) checkpoint = marked(checkpoint, at('database'))
      read()
    }
  }

  return {
    real: () => real,
    state: () => state,
    append,
    clocks,
    read,
    wait,
    move: (clock: ClockName, ms: number) => (ahead[clock] += ms),
    turnProjector: () => (isProjecting = !isProjecting),
  }
}

type Model = ReturnType<typeof startModel>

function check(model: Model): 'active' | 'dead' {
  const { now, checkpoint } = model.read()
  requireRecent(checkpoint, now, MAX_LAG_MS)
  // A token without an end of its own: nothing but its revocation may end it here.
  const row = { exp: null, kid: 1 }
  return accessTokenLiveness({ grant: grantStatus(model.state()), generation: 2, row, now }).active ? 'active' : 'dead'
}

/** What the endpoint makes of the spent token; `refresh-token.ts` in the order of its lines. */
function retry(model: Model): string {
  const { now, checkpoint, projected_at } = model.read()
  requireRecent(checkpoint, now, MAX_LAG_MS)
  model.clocks.requireTogether()
  const next = { generation: 2, event_id: '1', scope: 'read write', projected_at }
  const { repeat, refused, event } = refreshTokens(model.state(), {
    ...{ client_id: 'shop', presented_generation: 1, scope: null, client: STANDS, user: STANDS, now, kid: 1 },
    ...{ access_token_lifetime: null, refresh_grace_seconds: GRACE_MS / 1000, next },
  })
  if (event?.type === 'TokenReuseDetected') requirePast(projected_at, now)
  return repeat === 2 ? 'the same pair' : (refused?.reason ?? 'another event')
}

/** `null`: 503. */
function unlessUnsettled<T>(answer: () => T): T | null {
  try {
    return answer()
  } catch (error) {
    if (error instanceof Unsettled) return null
    throw error
  }
}

type Told = { op: 'check' | 'retry'; answer: string; revokedFor: number | null; spentFor: number }

function play(steps: Step[]): Told[] {
  const model = startModel()
  model.append(issued())
  model.append(refreshed(2, { access_token_lifetime: null }))
  model.wait(2 * EVERY_MS)
  let revokedAt: number | null = null
  // A step that is no longer than the time between two marks cannot be told from time.
  let unnoticed = 0
  const told: Told[] = []
  for (const step of steps) {
    if (step.op === 'wait') model.wait(step.ms)
    if (step.op === 'projector') model.turnProjector()
    if (step.op === 'step') model.move(step.clock, step.ms)
    if (step.op === 'step') unnoticed += Math.min(Math.abs(step.ms), STALL_MS)
    if (step.op === 'revoke' && revokedAt === null) {
      revokedAt = model.real()
      model.append(revoked())
    }
    if (step.op !== 'check' && step.op !== 'retry') continue
    const answer = unlessUnsettled(() => (step.op === 'check' ? check(model) : retry(model)))
    const revokedFor = revokedAt === null ? null : model.real() - revokedAt
    if (answer !== null) told.push({ op: step.op, answer, revokedFor, spentFor: model.real() + unnoticed })
  }
  return told
}

test('whatever steps the clocks make, no revoked token is active for longer than the read model may lag', (t) => {
  const bound = MAX_LAG_MS + 2 * EVERY_MS
  const holds = (steps: Step[]) =>
    play(steps).every(({ answer, revokedFor }) => answer !== 'active' || revokedFor === null || revokedFor <= bound)
  t.notThrows(() => fc.assert(fc.property(script, holds), { numRuns: 2_000 }))
})

test('whatever steps the clocks make, a client that retries within the grace is no thief: the same pair or 503', (t) => {
  const holds = (steps: Step[]) =>
    play(steps).every(
      ({ op, answer, revokedFor, spentFor }) =>
        op === 'check' || revokedFor !== null || spentFor > GRACE_MS || answer === 'the same pair',
    )
  t.notThrows(() => fc.assert(fc.property(script, holds), { numRuns: 2_000 }))
})

test('the model answers: while nothing steps tokens are active and retries get their pair, and later they are reuse', (t) => {
  const wait = { op: 'wait', ms: 8_000 } as const
  const [check, retry] = [{ op: 'check' }, { op: 'retry' }] as const
  const told = play([check, retry, wait, wait, wait, wait, retry, { op: 'revoke' }, check])
  t.deepEqual(
    told.map(({ answer }) => answer),
    ['active', 'the same pair', 'reuse', 'dead'],
  )
  const dead = play([{ op: 'projector' }, { op: 'revoke' }, check, wait, check])
  t.deepEqual(
    dead.map(({ answer }) => answer),
    ['active'],
  )
})
