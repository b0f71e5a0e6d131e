import type { Logger } from 'pino'
import { placeOf, registryPlace, type TopicPartition, type Topics } from '../../event-log/places.ts'
import type { PresentedToken } from '../../tokens/token-string.ts'
import type { PositionWaiter } from '../position-waiter.ts'
import { Unsettled } from '../unsettled.ts'
import { requireAsOf, requireProjected, requireRecent, type Freshness } from './freshness.ts'
import type { TokenView } from './tokens.ts'

// The safety protocol: "not known yet" is never "no". After a failover, or on a replica, a view may lack what the log
// holds and what somebody was already answered for. So before anything is concluded from what it does not show, the
// partitions in doubt are waited for, and the view is read once more. Every caller has this protocol from here.

/** What is asked about: a token, or a grant by its id alone. */
export type Asked = Pick<PresentedToken, 'grant_id'> & Partial<PresentedToken>

/** Why a partition of a view may not show yet what the question needs; `null` = it shows that. */
export type Doubts = { grants: string | null; registry: string | null }

/** What a view must show for an answer. */
export type Purpose = {
  /** Of which partitions it may not show it yet. */
  doubts: (view: TokenView, asked: Asked) => Doubts
  /** Whether the read model must have been complete within the caller's `maxLagMs`. */
  recent: boolean
}

/** To use a token: its grant, its generation, and the registry at least as the grant was decided on. */
export const TO_USE: Purpose = {
  doubts: (view, asked) => ({ grants: unknownYet(view, asked) ?? ahead(view, asked), registry: registryBehind(view) }),
  recent: true,
}

/**
 * To end a grant: that there is one. Its generation and its client matter to nobody, and a revocation is never put off.
 */
export const TO_END: Purpose = {
  doubts: (view, asked) => ({ grants: unknownYet(view, asked), registry: null }),
  recent: false,
}

/** To use a token on everything that the log held when the question was asked. */
export const TO_USE_CONSISTENTLY: Purpose = {
  doubts: () => ({ grants: 'asked for', registry: 'asked for' }),
  recent: true,
}

/** What it takes to wait: `maxLagMs` is how old an answer may be, `timeoutMs` how long to wait. */
export type Settling = {
  waiter: PositionWaiter
  topics: Topics
  logger: Logger
  maxLagMs: number
  timeoutMs: number
}

/** `first`: the view at hand. `asked: null`: the question names no grant, so that nothing can be too new. */
type Question<View> = { purpose: Purpose; asked: Asked | null; first: View; read: () => Promise<View> }

/**
 * The view once it is settled for this purpose: what it does not show then is surely not. Waits for the grant's
 * partition and the registry, each only if the purpose is in doubt about it. Throws Unsettled or WaitTimeout where
 * neither yes nor no can be said. Alarms for a token that nobody can have been given.
 */
export async function readSettled<View extends TokenView>(
  settling: Settling,
  { purpose, asked, first, read }: Question<View>,
): Promise<View> {
  const { waiter, topics, logger, maxLagMs, timeoutMs } = settling
  const waits = asked ? placesInDoubt(topics, purpose.doubts(first, asked), asked) : []
  await Promise.all(waits.map(({ place }) => waiter.freshAsOf(place, first.now, timeoutMs)))
  const view = waits.length > 0 ? await read() : first
  for (const { freshnessIn } of waits) requireAsOf(freshnessIn(view), first.now, view.now)
  requireProjected(view.checkpoint)
  if (purpose.recent) for (const one of [view.checkpoint, view.registry]) requireRecent(one, view.now, maxLagMs)
  if (asked && waits.length > 0) contradictions(logger, view, asked)
  return view
}

type Wait = { place: TopicPartition; freshnessIn: (view: TokenView) => Freshness }

function placesInDoubt(topics: Topics, { grants, registry }: Doubts, { grant_id }: Asked): Wait[] {
  return [
    ...(grants ? [{ place: placeOf(topics, grant_id), freshnessIn: (view: TokenView) => view.checkpoint }] : []),
    ...(registry ? [{ place: registryPlace(topics), freshnessIn: (view: TokenView) => view.registry }] : []),
  ]
}

/** Writers' clocks may differ by this much. */
const CLOCK_TOLERANCE_MS = 60_000

/**
 * An unknown grant that was born after the read model was last known to be complete. An older one was swept, or never
 * was.
 */
function unknownYet({ grant, checkpoint }: TokenView, { grant_id }: Asked): string | null {
  if (grant.status !== 'unknown') return null
  return bornAt(grant_id) + CLOCK_TOLERANCE_MS >= (checkpoint.fresh_as_of ?? 0) ? 'the grant may be new' : null
}

/** The time in a UUIDv7, in ms (RFC 9562 §5.7). */
function bornAt(uuid: string): number {
  return parseInt(uuid.slice(0, 8) + uuid.slice(9, 13), 16)
}

/** A token of a generation that the grant has not reached, or of a grant that is not issued. */
function ahead({ grant }: TokenView, { kind, generation = 0 }: Asked): string | null {
  const notMade =
    (grant.status === 'authorized' && kind !== 'ac') ||
    (grant.status === 'live' && generation > (kind === 'rt' ? grant.refresh_generation : grant.access_generation))
  return notMade ? 'the generation may be new' : null
}

/** A grant was decided on a registry that this view does not show yet: its client or user may be in what is missing. */
function registryBehind({ grant, registry }: TokenView): string | null {
  const lives = grant.status === 'live' || grant.status === 'authorized'
  const behind = lives && registry.next < grant.registry_position
  return behind ? 'the registry may be older than the grant' : null
}

/**
 * What cannot be once the read model is complete. A generation that was never made: nobody can make such a token
 * without our key, unless the log lost what it had acknowledged. A registry that ends before what a grant rests on: the
 * log lost it.
 */
function contradictions(logger: Logger, view: TokenView, asked: Asked): void {
  const { grant_id, generation, held } = asked
  if (held !== false && view.grant.status === 'live' && ahead(view, asked))
    logger.error({ alarm: 'generation_ahead', grant_id, generation }, 'leaked key or lost log')
  if (!registryBehind(view)) return
  logger.error({ alarm: 'registry_lost', grant_id }, 'the registry ends before what a grant was decided on')
  throw new Unsettled('the registry ends before what the grant was decided on')
}
