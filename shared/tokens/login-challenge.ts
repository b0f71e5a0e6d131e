import { createHash } from 'node:crypto'
import { pack, unpack } from './form-mac.ts'
import type { Keys } from './keys.ts'

/** Where a login application sends the browser back to, below the issuer. */
export const LOGIN_RETURNS = '/login/return'

/** Where a login goes on to, or begins again, below the issuer. */
export const LOGIN_GOES_ON = '/login/go-on'

/** What a login application is asked for. Nothing is stored of it: it travels as it is, under a MAC. */
export type LoginChallenge = {
  id: string
  /** The browser that began (`browserHash`). */
  browser: string
  /** Who asks; `null`: the person came to the pages of the own account. */
  client: { client_id: string; client_name: string } | null
  scope: string | null
  prompt: readonly string[]
  max_age: number | null
  login_hint: string | null
  /** When the request came in, by which `prompt` and `max_age` are judged. NumericDate, as `expires_at`. */
  requested_at: number
  expires_at: number
  /** What a login goes on to, as the pages pack it. */
  onward: unknown
}

/** By what a browser is known to whoever must not learn its cookie: that has 256 random bits. */
export function browserHash(browser: string): string {
  return createHash('sha256').update(browser).digest('base64url')
}

export function packChallenge(keys: Keys, challenge: LoginChallenge): string {
  return pack(keys, 'login-challenge', challenge, { exp: challenge.expires_at })
}

/** The challenge, and whether its time is over; `null`: it is none of ours. */
export function unpackChallenge(
  keys: Keys,
  text: string,
  now: number,
): { challenge: LoginChallenge; expired: boolean } | null {
  const unpacked = unpack(keys, 'login-challenge', text, now)
  return unpacked && { challenge: unpacked.value as LoginChallenge, expired: unpacked.expired }
}

/**
 * What proves that a browser comes from the login application. Made of the challenge, so that the same answer can be
 * given again, and not to be made by whoever has only that: else the browser that began could be somebody else's.
 */
export function packVerifier(keys: Keys, { id, expires_at }: LoginChallenge): string {
  return pack(keys, 'login-verifier', id, { exp: expires_at })
}

/** The id of the challenge that was answered; `null`: it was not. */
export function unpackVerifier(keys: Keys, text: string): string | null {
  const unpacked = unpack(keys, 'login-verifier', text, 0)
  return unpacked && (unpacked.value as string)
}

/** What goes on with a login, or begins it again. */
export function packGoingOn(keys: Keys, onward: unknown, exp: number): string {
  return pack(keys, 'onward', onward, { exp })
}
