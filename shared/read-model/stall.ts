/**
 * When the read model last stood still and when it went on, and as of when it was last known to be complete: ms of the
 * database's clock.
 */
export type Stall = { stalled_at: number | null; resumed_at: number | null; fresh_as_of: number | null }

/** It is marked fresh each second; what takes longer than this is a stall, in which nobody could be answered. */
export const STALL_MS = 2_000

/**
 * How much of the time from `since` until `now` (ms) the read model stood still, because a part was away or the
 * projector was: clients could not be answered then, so a retry's grace does not run. A database clock that was set
 * forward looks the same. Counts the stall under way and those noted before.
 */
export function stalledMs({ stalled_at, resumed_at, fresh_as_of }: Stall, since: number, now: number): number {
  const past = stalled_at === null || resumed_at === null ? 0 : overlap(stalled_at, resumed_at, since)
  const isStill = fresh_as_of !== null && now - fresh_as_of > STALL_MS
  const present = isStill ? overlap(Math.max(fresh_as_of, resumed_at ?? fresh_as_of), now, since) : 0
  return past + present
}

function overlap(from: number, to: number, since: number): number {
  return Math.max(0, to - Math.max(from, since))
}
