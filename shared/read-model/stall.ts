/**
 * When the read model stood still and when it went on, each time, the latest last, and as of when it was last known to
 * be complete: ms of the database's clock.
 */
export type Stalls = { stalls: (readonly [stalled_at: number, resumed_at: number])[]; fresh_as_of: number | null }

/** It is marked fresh each second; what takes longer than this is a stall, in which nobody could be answered. */
export const STALL_MS = 2_000

/**
 * How many stalls are remembered: the latest ones. An outage of any length is one. So however often freshness comes and
 * goes, no grace is longer than itself and as many stalls as this, each at its longest.
 */
export const STALLS_KEPT = 20

/**
 * How much of the time from `since` until `now` (ms) the read model stood still, because a part was away or the
 * projector was: clients could not be answered then, so a retry's grace does not run. A database clock that was set
 * forward looks the same. Counts the stall under way and those remembered.
 */
export function stalledMs({ stalls, fresh_as_of }: Stalls, since: number, now: number): number {
  const past = stalls.map(([stalled_at, resumed_at]) => overlap(stalled_at, resumed_at, since))
  const isStill = fresh_as_of !== null && now - fresh_as_of > STALL_MS
  const resumed_at = stalls.at(-1)?.[1] ?? -Infinity
  const present = isStill ? overlap(Math.max(fresh_as_of, resumed_at), now, since) : 0
  return past.reduce((sum, ms) => sum + ms, present)
}

function overlap(from: number, to: number, since: number): number {
  return Math.max(0, to - Math.max(from, since))
}
