import { createHmac, timingSafeEqual } from 'node:crypto'
import { deflateSync, inflateSync } from 'node:zlib'
import type { Keys } from './keys.ts'

/** What a value that comes back with a form is for: one that was made for another counts as forged. */
export type FormPurpose = 'onward' | 'consent' | 'login-challenge' | 'login-verifier' | 'done'

/** Longer than anything that we pack; what a stranger sends is not hashed beyond it. */
const MOST_CHARACTERS = 16_384

export type Unpacked = { value: unknown; expired: boolean }

/** Seconds since 1970 (NumericDate). */
type Until = { exp: number }

/** A payload of more bytes is deflated: it travels in addresses and cookies, which are refused where they are long. */
const LONG = 1000

/** How JSON begins, and no zlib stream (RFC 1950 §2.2). */
const BRACE = 0x7b

/**
 * A JSON value as a text that a form brings back unchanged, or not at all: `kid.payload.mac`. Whoever has the form can
 * read it. `exp` is when it stops to count.
 */
export function pack(keys: Keys, purpose: FormPurpose, value: unknown, { exp }: Until): string {
  const json = Buffer.from(JSON.stringify({ value, exp }))
  const payload = (json.length > LONG ? deflateSync(json) : json).toString('base64url')
  return `${keys.current}.${payload}.${macOf(keys, keys.current, purpose, payload)?.toString('base64url')}`
}

/**
 * What was packed for this purpose, and whether its time is over at `now`; `null` where we did not make it. An expired
 * value is told as well: a page that was left open starts again with what it knew. Its form is the caller's to parse.
 */
export function unpack(keys: Keys, purpose: FormPurpose, text: string, now: number): Unpacked | null {
  const [kid = '', payload = '', mac = '', ...more] = text.slice(0, MOST_CHARACTERS).split('.')
  if (more.length > 0 || !isMac(keys, kid, purpose, payload, mac)) return null
  const bytes = Buffer.from(payload, 'base64url')
  const json = bytes[0] === BRACE ? bytes : inflateSync(bytes)
  const { value, exp } = JSON.parse(json.toString()) as { value: unknown } & Until
  return { value, expired: exp <= now }
}

/** The value that a form brings back beside the cookie `id`: who cannot read the cookie cannot know it. */
export function csrfValue(keys: Keys, id: string): string {
  return `${keys.current}.${macOf(keys, keys.current, 'csrf', id)?.toString('base64url')}`
}

/** Whether a form brought the value that belongs to the cookie which came with it. */
export function isCsrfValue(keys: Keys, id: string, presented: string): boolean {
  const [kid = '', mac = '', ...more] = presented.slice(0, MOST_CHARACTERS).split('.')
  return more.length === 0 && isMac(keys, kid, 'csrf', id, mac)
}

/** The purpose has no dot, so no two pairs of purpose and payload are the same bytes. `undefined`: no such key. */
function macOf(keys: Keys, kid: number, purpose: FormPurpose | 'csrf', payload: string): Buffer | undefined {
  const key = keys.subkey('cookie', kid)
  return key && createHmac('sha256', key).update(`${purpose}.${kid}.${payload}`).digest()
}

function isMac(
  keys: Keys,
  kidText: string,
  purpose: FormPurpose | 'csrf',
  payload: string,
  presented: string,
): boolean {
  const kid = /^[1-9]\d{0,2}$/.test(kidText) ? Number(kidText) : 0
  const mac = macOf(keys, kid, purpose, payload)
  const bytes = Buffer.from(presented, 'base64url')
  if (!mac || bytes.length !== mac.length || bytes.toString('base64url') !== presented) return false
  return timingSafeEqual(bytes, mac)
}
