import { isLoginEnough, TOLD_CLOCK_MS, toldLoginTime } from '../../../shared/accounts/sessions/login-time.ts'
import type { Onward } from './onward.ts'

/** `told`: when the login was made, in ms, as another server says; `null`: it does not say. */
type Told = { told: number | null; asked_at: number }

/** When that login was made, for a session that goes on to this, in ms; `undefined`: now. */
export function authTimeOf(onward: Onward, { told, asked_at }: Told): number | undefined {
  if (told === null) return undefined
  return onward.to === 'account' ? told : toldLoginTime(told, { asked_at, received_at: onward.request.received_at })
}

/** Whether that login does for what it goes on to. Who does not say when it was fulfils no `max_age`. */
export function isToldEnough(onward: Onward, { told, asked_at }: Told, now = Date.now()): boolean {
  if (onward.to === 'account') return true
  const auth_time = authTimeOf(onward, { told, asked_at })
  return auth_time === undefined ? onward.request.max_age === null : isLoginEnough(auth_time, onward.request, now)
}

/** Whether it was made after somebody was sent there, as far as their clock can tell. */
export function isMadeSince({ told, asked_at }: Told): boolean {
  return told === null || told >= asked_at - TOLD_CLOCK_MS
}
