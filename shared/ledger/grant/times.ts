/** The longest grace of any client, in seconds: generations older than this need not be remembered one by one. */
export const MAX_GRACE_SECONDS = 300

/**
 * The shortest grace that is one, in whole seconds: a client hears of an outage of ours only after the append timeout,
 * and its retry takes time. A shorter one would take the honest retry for a theft. 0 is none at all, knowingly.
 */
export function shortestGrace(appendTimeoutSeconds: number): number {
  return Math.floor(appendTimeoutSeconds + 1) + 1
}

/** Whether a grace is long enough for the retry that it is there for, or none. */
export function isGraceLongEnough(graceSeconds: number, appendTimeoutSeconds: number): boolean {
  return graceSeconds === 0 || graceSeconds >= shortestGrace(appendTimeoutSeconds)
}

/** NumericDate of a time in milliseconds. */
export function numericDate(ms: number): number {
  return Math.floor(ms / 1000)
}

/** `iat` + lifetime in seconds; `null` = never. */
export function expiry(iat: number, lifetime: number | null): number | null {
  return lifetime === null ? null : iat + lifetime
}

/** The earlier of two NumericDates, where `null` is never. */
export function earlier(a: number | null, b: number | null): number | null {
  if (a === null) return b
  return b === null ? a : Math.min(a, b)
}

/** The later of two NumericDates, where `null` is none. */
export function later(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b
  return Math.max(a, b)
}

/** Whether something made at `madeAt` is still inside the grace at `ms`; age = grace is inside. */
export function isWithinGrace(madeAt: number, ms: number, graceSeconds: number): boolean {
  return ms - madeAt <= graceSeconds * 1000
}

/** The same where the two clocks may differ, or the one was set back since: a negative age is no grace. */
export function isSurelyWithinGrace(madeAt: number, ms: number, graceSeconds: number): boolean {
  return madeAt <= ms && isWithinGrace(madeAt, ms, graceSeconds)
}
