import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Keys } from './keys.ts'

/** Access token, refresh token, authorization code. */
export type TokenKind = 'at' | 'rt' | 'ac'

/** What a token string says: the generation of a grant, under which key it was made. */
export type TokenContent = { kid: number; grant_id: string; generation: number }
export type ParsedToken = TokenContent & { kind: TokenKind; held?: true }

/** What a string says that has the form of a token of ours, under a kid of which no key is here: nothing proves it. */
export type UnheldToken = TokenContent & { kind: TokenKind; held: false }

/** A token as it came in: proven by its MAC, or of a key that this process does not have. */
export type PresentedToken = ParsedToken | UnheldToken

// base64url(kid 1 byte ‖ grant_id 16 ‖ generation 4 ‖ MAC 20)
const GENERATION_AT = 17
const MAC_AT = 21
const MAC_BYTES = 20
const TOKEN_BYTES = MAC_AT + MAC_BYTES
const KIND_BYTES = 2
const PREFIX_LENGTH = 'tl_at_'.length
const MAX_GENERATION = 0xffffffff

const TOKEN_FORM = /^tl_(at|rt|ac)_[\w-]{55}$/
const UUID_FORM = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/

// One request at a time uses these (nothing here awaits), so the hot path allocates no buffers of its own.
const bytes = Buffer.alloc(TOKEN_BYTES)
const signed = Buffer.alloc(KIND_BYTES + MAC_AT)

/**
 * The token string of one generation; the same input gives the same string for ever, so nothing secret is stored.
 * Throws when the content is not representable or these keys hold no key for it: a mistake of ours, never a client's.
 */
export function formatToken(keys: Keys, kind: TokenKind, { kid, grant_id, generation }: TokenContent): string {
  const key = keys.subkey(kind, kid)
  if (!key) throw new Error(`no key of kind ${kind} under kid ${kid}`)
  if (!UUID_FORM.test(grant_id)) throw new Error('grant_id is not a UUID in lower case')
  if (!Number.isInteger(generation) || generation < 0 || generation > MAX_GENERATION)
    throw new Error(`generation ${generation} does not fit in 4 bytes`)
  bytes[0] = kid
  bytes.write(grant_id.replaceAll('-', ''), 1, 'hex')
  bytes.writeUInt32BE(generation, GENERATION_AT)
  macOf(key, kind).copy(bytes, MAC_AT, 0, MAC_BYTES)
  return `tl_${kind}_${bytes.toString('base64url')}`
}

/**
 * What a token string says, or `null` unless it is the exact string that `formatToken` makes under one of these keys.
 * Total: any string is answered. Says nothing about whether the token is still live.
 */
export function parseToken(keys: Keys, token: string): ParsedToken | null {
  const kind = takeBytes(token)
  const key = kind && keys.subkey(kind, bytes.readUInt8(0))
  if (!key) return null
  const mac = macOf(key, kind).subarray(0, MAC_BYTES)
  return timingSafeEqual(mac, bytes.subarray(MAC_AT)) ? contentOf(kind) : null
}

/** The token in a string, proven or of a key that is not here; `null` = it is surely none of this ledger. */
export function presentedToken(keys: Keys, token: string): PresentedToken | null {
  return parseToken(keys, token) ?? unheldToken(keys, token)
}

function unheldToken(keys: Keys, token: string): UnheldToken | null {
  const kind = takeBytes(token)
  const kid = kind ? bytes.readUInt8(0) : 0
  // There is no kid 0. A kid that is here for other purposes only is that of a token for others to take.
  return kind && kid > 0 && !keys.kids.includes(kid) ? { ...contentOf(kind), held: false } : null
}

/** Fills `bytes` with what a string of the exact form stands for, and tells its kind; `null` for any other string. */
function takeBytes(token: string): TokenKind | null {
  const kind = tokenKind(token)
  if (!kind) return null
  // 55 characters have two spare bits: only their canonical form is a token.
  bytes.write(token.slice(PREFIX_LENGTH), 'base64url')
  return bytes.toString('base64url') === token.slice(PREFIX_LENGTH) ? kind : null
}

function contentOf(kind: TokenKind) {
  const kid = bytes.readUInt8(0)
  return { kind, kid, grant_id: grantIdOf(bytes), generation: bytes.readUInt32BE(GENERATION_AT) }
}

/** Which kind of token this string has the form of, `null` for none. The form proves nothing: `parseToken` does. */
export function tokenKind(token: string): TokenKind | null {
  if (!TOKEN_FORM.test(token)) return null
  if (token.startsWith('tl_at_')) return 'at'
  return token.startsWith('tl_rt_') ? 'rt' : 'ac'
}

/** The kid that a token string names, `null` for what is none. It proves nothing: `parseToken` does. */
export function namedKid(token: string): number | null {
  return tokenKind(token) ? Buffer.from(token.slice(PREFIX_LENGTH), 'base64url').readUInt8(0) : null
}

/** MAC of what stands in `bytes`: the kind is signed too, so a refresh token can never pass as an access token. */
function macOf(key: Buffer, kind: TokenKind): Buffer {
  signed.write(kind, 'latin1')
  bytes.copy(signed, KIND_BYTES, 0, MAC_AT)
  return createHmac('sha256', key).update(signed).digest()
}

function grantIdOf(token: Buffer): string {
  const hex = token.toString('hex', 1, GENERATION_AT)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}
