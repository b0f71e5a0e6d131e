/** What a request wants of the login (OpenID Connect Core §3.1.2.1). `received_at`: ms, as all times here. */
export type WantedLogin = { prompt: readonly string[]; max_age: number | null; received_at: number }

/**
 * Whether a login of this time does for the request. One that was made after the request came in always does, or
 * whoever logs in would be asked again and again. Choosing an account is logging in: one browser has one session.
 */
export function isLoginEnough(auth_time: number, { prompt, max_age, received_at }: WantedLogin, now: number): boolean {
  if (auth_time >= received_at) return true
  if (prompt.includes('login') || prompt.includes('select_account')) return false
  return max_age === null || now - auth_time <= max_age * 1000
}

/** How far the clock of another server that tells when somebody logged in may be from ours; seconds are cut there. */
export const TOLD_CLOCK_MS = 10_000

/** `asked_at`: when somebody was sent to log in there, by our clock. */
type Asked = { asked_at: number; received_at: number }

/** When a login was made that another server tells of: for this request, as far as its clock can tell, or before. */
export function toldLoginTime(told: number, { asked_at, received_at }: Asked): number {
  return told >= asked_at - TOLD_CLOCK_MS ? Math.max(told, received_at) : told
}
