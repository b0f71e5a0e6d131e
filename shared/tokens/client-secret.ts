import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { isVerifiable } from '../ledger/client.ts'
import type { ClientSecret } from '../ledger/events.ts'
import type { Keys } from './keys.ts'

const SECRET_BYTES = 32

/**
 * A new client secret: 256 random bits in `A–Z a–z 0–9 _ -` only, because some clients form-encode Basic credentials
 * (RFC 6749 §2.3.1) and others do not: these characters read the same both ways.
 */
export function generateClientSecret(): string {
  return randomBytes(SECRET_BYTES).toString('base64url')
}

/** Whose request it is, under which Idempotency-Key, and what it makes; `salt`: random, and of this request alone. */
export type SecretRequest = { principal: string; key: string; id: string; revision: number; salt: string }

/**
 * The secret that this request makes, as long and of the same characters as a random one: whoever has the key of this
 * kid makes it again, so that it is stored nowhere. `null` without that key.
 */
export function repeatableClientSecret(
  keys: Keys,
  kid: number,
  { principal, key, id, revision, salt }: SecretRequest,
): string | null {
  const subkey = keys.subkey('idempotency', kid)
  // As JSON, so that no two requests are one text.
  return subkey ? macOf(subkey, JSON.stringify([principal, key, id, revision, salt])).toString('base64url') : null
}

/**
 * What is stored of a generated secret. A plain HMAC is enough for 256 random bits; it must never see a chosen
 * password.
 */
export function hashClientSecret(keys: Keys, secret: string): ClientSecret {
  const pepper = keys.subkey('pepper', keys.current)
  if (!pepper) throw new Error(`no pepper under kid ${keys.current}`)
  return { kid: keys.current, hash: macOf(pepper, secret).toString('base64url') }
}

/**
 * Which of the stored secrets this is, `null` = none of them, in a time that depends on neither it nor them: there is
 * the same work for no secret (an unknown or public client), for one, and for two.
 */
export function provenSecret<Stored extends ClientSecret>(
  keys: Keys,
  secret: string,
  [first, second]: readonly Stored[],
): Stored | null {
  const isFirst = verifyClientSecret(keys, secret, first ?? null)
  const isSecond = verifyClientSecret(keys, secret, second ?? null)
  if (isFirst) return first ?? null
  return isSecond ? (second ?? null) : null
}

/**
 * Whether the secret is the stored one, in a time that does not depend on it. `null` = there is none (unknown or public
 * client): the same work is done and the answer is false, as for one that this release cannot verify.
 */
export function verifyClientSecret(keys: Keys, secret: string, stored: ClientSecret | null): boolean {
  const known = stored ? keys.subkey('pepper', stored.kid) : undefined
  const pepper = known ?? keys.subkey('pepper', keys.current)
  if (!pepper) throw new Error(`no pepper under kid ${keys.current}`)
  const presented = macOf(pepper, secret)
  const expected = Buffer.from(stored?.hash ?? '', 'base64url')
  const comparable = expected.length === presented.length
  const equal = timingSafeEqual(presented, comparable ? expected : Buffer.alloc(presented.length))
  return equal && comparable && known !== undefined && stored !== null && isVerifiable(stored)
}

function macOf(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text, 'utf8').digest()
}
