import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto'
import { foldedUsername } from '../ledger/registry/folded-username.ts'
import type { Keys } from './keys.ts'

const CIPHER = 'aes-256-gcm'
const KEY_BYTES = 32
// NIST SP 800-38D §8.2.2: a random IV is of 96 bits.
const IV_BYTES = 12
const TAG_BYTES = 16

/** What names a person, sealed under the key of that person. Each in base64url. */
export type Sealed = { key_id: string; iv: string; data: string; tag: string }

/** Whose data it is: it opens for nobody else, in no other ledger, under no other key. */
export type Whose = { ledger_id: string; sub: string; key_id: string }

/** A random key as it is stored: under the subkey `person` of this kid. */
export type WrappedKey = { kid: number; wrapped: Buffer }

/** A new random key: of a person, or the one that indexes names. */
export function generateDataKey(): Buffer {
  return randomBytes(KEY_BYTES)
}

/** Seals what names a person (AES-256-GCM). */
export function sealPersonal(key: Buffer, whose: Whose, personal: object): Sealed {
  const { iv, data, tag } = encrypt(key, aadOfPersonal(whose), Buffer.from(JSON.stringify(personal), 'utf8'))
  const inText = (bytes: Buffer) => bytes.toString('base64url')
  return { key_id: whose.key_id, iv: inText(iv), data: inText(data), tag: inText(tag) }
}

/** What was sealed; `null` where this is not the key, the person or the ledger that it was sealed for. */
export function openPersonal(
  key: Buffer,
  whose: Whose,
  { iv, data, tag }: Sealed,
): { [member: string]: unknown } | null {
  const [ivBytes, dataBytes, tagBytes] = [iv, data, tag].map((text) => Buffer.from(text, 'base64url'))
  if (!ivBytes || !dataBytes || !tagBytes) return null
  const opened = decrypt(key, aadOfPersonal(whose), { iv: ivBytes, data: dataBytes, tag: tagBytes })
  return opened && (JSON.parse(opened.toString('utf8')) as { [member: string]: unknown })
}

/** Wraps a key under the current kid. `name`: what it is the key of, and unwraps as nothing else. */
export function wrapKey(keys: Keys, ledger_id: string, { name, key }: { name: string; key: Buffer }): WrappedKey {
  const subkey = keys.subkey('person', keys.current)
  if (!subkey) throw new Error(`no key for persons under kid ${keys.current}`)
  const { iv, data, tag } = encrypt(subkey, aadOfKey(ledger_id, name), key)
  return { kid: keys.current, wrapped: Buffer.concat([iv, tag, data]) }
}

/** The key that was wrapped; `null` where its kid is not here, or it was wrapped for something else. */
export function unwrapKey(
  keys: Keys,
  ledger_id: string,
  { name, kid, wrapped }: WrappedKey & { name: string },
): Buffer | null {
  const subkey = keys.subkey('person', kid)
  if (!subkey) return null
  const tag = wrapped.subarray(IV_BYTES, IV_BYTES + TAG_BYTES)
  const data = wrapped.subarray(IV_BYTES + TAG_BYTES)
  return decrypt(subkey, aadOfKey(ledger_id, name), { iv: wrapped.subarray(0, IV_BYTES), data, tag })
}

/** By what a user name is unique: HMAC-SHA-256 of its folded form under the name key, base64url. */
export function usernameIndex(nameKey: Buffer, username: string): string {
  return createHmac('sha256', nameKey).update(foldedUsername(username), 'utf8').digest('base64url')
}

/** By what an account elsewhere is unique: the same of its issuer and of what that calls the person, to the letter. */
export function externalIndex(nameKey: Buffer, issuer: string, sub: string): string {
  const key = createHmac('sha256', nameKey).update('external', 'utf8').digest()
  return createHmac('sha256', key)
    .update(JSON.stringify([issuer, sub]), 'utf8')
    .digest('base64url')
}

type Encrypted = { iv: Buffer; data: Buffer; tag: Buffer }

function encrypt(key: Buffer, aad: Buffer, plain: Buffer): Encrypted {
  const iv = randomBytes(IV_BYTES)
  const cipher = createCipheriv(CIPHER, key, iv, { authTagLength: TAG_BYTES }).setAAD(aad)
  const data = Buffer.concat([cipher.update(plain), cipher.final()])
  return { iv, data, tag: cipher.getAuthTag() }
}

function decrypt(key: Buffer, aad: Buffer, { iv, data, tag }: Encrypted): Buffer | null {
  if (iv.length !== IV_BYTES || tag.length !== TAG_BYTES) return null
  const decipher = createDecipheriv(CIPHER, key, iv, { authTagLength: TAG_BYTES }).setAAD(aad).setAuthTag(tag)
  try {
    const opened = decipher.update(data)
    // It compares the tag; of this mode no bytes are left for it.
    decipher.final()
    return opened
  } catch {
    // The only thing that fails here is the tag.
    return null
  }
}

// JSON of an array of strings: no two different lists are the same text. Written out: each fold of a user needs both.
function aadOfPersonal({ ledger_id, sub, key_id }: Whose): Buffer {
  return Buffer.from(JSON.stringify(['personal', 'key_id', key_id, 'ledger_id', ledger_id, 'sub', sub]), 'utf8')
}

function aadOfKey(ledger_id: string, name: string): Buffer {
  return Buffer.from(JSON.stringify(['key', 'ledger_id', ledger_id, 'name', name]), 'utf8')
}
