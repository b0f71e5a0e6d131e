import type { Session } from '../authorize.ts'
import type { AuthorizationRequest } from './authorization-request.ts'

/**
 * Whether this login does for the request (OpenID Connect Core §3.1.2.1). One that was made after the request came in
 * always does, or whoever logs in would be asked again and again. Choosing an account is logging in: one browser has
 * one session.
 */
export function isLoginEnough(
  { logged_in_at, now }: Pick<Session, 'logged_in_at' | 'now'>,
  { prompt, max_age, received_at }: Pick<AuthorizationRequest, 'prompt' | 'max_age' | 'received_at'>,
): boolean {
  if (logged_in_at >= received_at) return true
  if (prompt.includes('login') || prompt.includes('select_account')) return false
  return max_age === null || now - logged_in_at <= max_age * 1000
}
