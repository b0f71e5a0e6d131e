import { Unsettled } from '../unsettled.ts'

/**
 * How far a partition was folded, in the statement that read the rest: all below `next`, and as of `fresh_as_of` (ms,
 * `null` = never known) all that the log held. `status` other than `ok`: nothing may be answered from it.
 */
export type Freshness = { next: number; fresh_as_of: number | null; status: string; status_reason: string | null }

/** Of a partition that has no checkpoint. */
export const NO_FRESHNESS: Freshness = {
  next: 0,
  fresh_as_of: null,
  status: 'missing',
  status_reason: 'no checkpoint',
}

/** Unsettled for a partition that stopped at a record, or that diverged from the log. */
export function requireProjected({ status, status_reason }: Freshness): void {
  if (status !== 'ok') throw new Unsettled(`partition ${status}: ${status_reason ?? ''}`)
}

/**
 * Unsettled unless this partition is being projected and was known to be complete at most `maxLagMs` before `now` (ms).
 * A stamp later than now tells nothing.
 */
export function requireRecent(freshness: Freshness, now: number, maxLagMs: number): void {
  requireProjected(freshness)
  const { fresh_as_of } = freshness
  if (fresh_as_of === null) throw new Unsettled('it is not known as of when the read model is complete')
  requirePast(fresh_as_of, now)
  const lag = now - fresh_as_of
  if (lag > maxLagMs) throw new Unsettled(`the read model is ${lag} ms behind`)
}

/** Unsettled for a stamp of the database's clock that is later than its own time: how old it is, nobody knows. */
export function requirePast(stamp: number, now: number): void {
  if (stamp > now)
    throw new Unsettled(`a stamp lies ${stamp - now} ms ahead of the database's clock, which was set back`)
}

/**
 * Unsettled when a read does not show an event that the read model was already seen to have folded (a replica is
 * behind).
 */
export function requireShown({ next }: Freshness, { offset }: { offset: number }): void {
  if (next <= offset) throw new Unsettled(FELL_BEHIND)
}

/** Unsettled when a read, made at `now`, is older than the read model was already seen to be: complete as of `time`. */
export function requireAsOf({ fresh_as_of }: Freshness, time: number, now: number): void {
  if (fresh_as_of === null || fresh_as_of < time) throw new Unsettled(FELL_BEHIND)
  requirePast(fresh_as_of, now)
}

const FELL_BEHIND = 'the read model fell behind what it had shown'
