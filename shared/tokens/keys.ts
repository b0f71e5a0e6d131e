import { hkdfSync } from 'node:crypto'

const SUBKEY_BYTES = 32
const MIN_SECRET_BYTES = 32
/** 32 random bytes hold fewer distinct values with a probability below 10^-15; typed-in passphrases usually do. */
const MIN_DISTINCT_BYTES = 12

/**
 * What a subkey is for: access, refresh and code tokens, client secrets at rest, cookies, the keys of persons, client
 * secrets that are made again for whoever repeats the request, and passwords at rest.
 */
export type Purpose = 'at' | 'rt' | 'ac' | 'pepper' | 'cookie' | 'person' | 'idempotency' | 'password'

/** Every purpose. A new one is added at the end. */
export const PURPOSES: readonly Purpose[] = ['at', 'rt', 'ac', 'pepper', 'cookie', 'person', 'idempotency', 'password']
const CHECK_PURPOSES: readonly Purpose[] = ['at', 'pepper']

/** One system secret under its key id; the first of a list is the one that new tokens are made with. */
export type Secret = { kid: number; secret: Buffer }

/** The subkeys that a process holds. `undefined` = no such kid, or a purpose this process was not given. */
export type Keys = {
  /** The kid that new tokens and client secrets are made with. */
  current: number
  kids: readonly number[]
  subkey(purpose: Purpose, kid: number): Buffer | undefined
}

/** Reads `2:base64,1:base64` (first = current). Throws one Error that lists every problem and shows no secret. */
export function parseSecrets(text: string): Secret[] {
  const entries = text.split(',').map((entry) => entry.trim())
  const secrets: Secret[] = []
  const problems: string[] = []
  for (const [index, entry] of entries.entries()) {
    const parsed = parseEntry(entry, `entry ${index + 1}`)
    if ('problem' in parsed) problems.push(parsed.problem)
    else {
      problems.push(...weaknessOf(parsed), ...clashesOf(parsed, secrets))
      secrets.push(parsed)
    }
  }
  if (problems.length > 0) throw new Error(problems.join('; '))
  return secrets
}

/** Derives every subkey of every secret (HKDF-SHA-256, RFC 5869), salted so that no two ledgers share a key. */
export function deriveKeys(secrets: readonly Secret[], ledger_id: string): Keys {
  const subkeys = secrets.flatMap(({ kid, secret }) =>
    PURPOSES.map((purpose) => ({ kid, purpose, key: deriveSubkey(secret, ledger_id, purpose) })),
  )
  return keysOf(subkeys)
}

/** The value of LEDGER_SECRETS_CHECK: only what token-check needs, so a stolen one can make no refresh token. */
export function formatCheckSecrets(keys: Keys): string {
  return keys.kids
    .map((kid) => `${kid}:${CHECK_PURPOSES.map((purpose) => keys.subkey(purpose, kid)?.toString('base64')).join(':')}`)
    .join(',')
}

/** Reads what `formatCheckSecrets` wrote. Throws an Error that names the entry and shows no key. */
export function parseCheckSecrets(text: string): Keys {
  const entries = text.split(',').map((entry) => entry.trim())
  const subkeys = entries.flatMap((entry, index) => {
    const [kidText = '', ...encoded] = entry.split(':')
    const kid = parseKid(kidText)
    const keys = encoded.map(decodeBase64)
    if (kid === null || keys.length !== CHECK_PURPOSES.length || !keys.every((key) => key?.length === SUBKEY_BYTES))
      throw new Error(`entry ${index + 1} is not in the form that "keys derive check" prints`)
    return CHECK_PURPOSES.map((purpose, place) => ({ kid, purpose, key: keys[place] ?? Buffer.alloc(0) }))
  })
  if (new Set(subkeys.map(({ kid }) => kid)).size !== entries.length) throw new Error('a kid appears twice')
  return keysOf(subkeys)
}

/** The value of LEDGER_SECRETS_PROJECT: only what the projector needs, so a stolen one can make no token at all. */
export function formatProjectSecrets(keys: Keys): string {
  return keys.kids.map((kid) => `${kid}:person:${keys.subkey('person', kid)?.toString('base64')}`).join(',')
}

/** Reads what `formatProjectSecrets` wrote. Throws an Error that names the entry and shows no key. */
export function parseProjectSecrets(text: string): Keys {
  const subkeys = text.split(',').map((entry, index): Subkey => {
    const [kidText = '', purpose, encoded = '', ...more] = entry.trim().split(':')
    const [kid, key] = [parseKid(kidText), decodeBase64(encoded)]
    if (kid === null || purpose !== 'person' || key?.length !== SUBKEY_BYTES || more.length > 0)
      throw new Error(`entry ${index + 1} is not in the form that "keys derive project" prints`)
    return { kid, purpose, key }
  })
  return keysOf(onceEach(subkeys))
}

type Subkey = { kid: number; purpose: Purpose; key: Buffer }

function onceEach(subkeys: Subkey[]): Subkey[] {
  if (new Set(subkeys.map(({ kid }) => kid)).size !== subkeys.length) throw new Error('a kid appears twice')
  return subkeys
}

function keysOf(subkeys: readonly Subkey[]): Keys {
  const byPurpose = new Map(PURPOSES.map((purpose) => [purpose, new Map<number, Buffer>()]))
  for (const { kid, purpose, key } of subkeys) byPurpose.get(purpose)?.set(kid, key)
  const kids = [...new Set(subkeys.map(({ kid }) => kid))]
  const [current] = kids
  if (current === undefined) throw new Error('no secret at all')
  return { current, kids, subkey: (purpose, kid) => byPurpose.get(purpose)?.get(kid) }
}

function deriveSubkey(secret: Buffer, ledger_id: string, purpose: Purpose): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, ledger_id, `token-ledger/${purpose}`, SUBKEY_BYTES))
}

function parseEntry(entry: string, name: string): Secret | { problem: string } {
  const colon = entry.indexOf(':')
  if (colon < 0) return { problem: `${name} is not "kid:base64"` }
  const kid = parseKid(entry.slice(0, colon))
  if (kid === null) return { problem: `${name}: the kid is not a whole number from 1 to 255` }
  const secret = decodeBase64(entry.slice(colon + 1))
  return secret ? { kid, secret } : { problem: `kid ${kid}: the secret is not base64` }
}

function parseKid(text: string): number | null {
  const kid = /^[1-9]\d{0,2}$/.test(text) ? Number(text) : 0
  return kid >= 1 && kid <= 255 ? kid : null
}

/**
 * Standard or URL-safe alphabet, padded or not; `null` when it is neither. Buffer.from alone would skip bad characters.
 */
function decodeBase64(text: string): Buffer | null {
  const bare = text
    .replace(/={1,2}$/, '')
    .replaceAll('+', '-')
    .replaceAll('/', '_')
  const bytes = Buffer.from(bare, 'base64url')
  return bare !== '' && bytes.toString('base64url') === bare ? bytes : null
}

function weaknessOf({ kid, secret }: Secret): string[] {
  if (secret.length < MIN_SECRET_BYTES)
    return [`kid ${kid}: the secret has ${secret.length} bytes, at least ${MIN_SECRET_BYTES} random ones are needed`]
  if (new Set(secret).size < MIN_DISTINCT_BYTES || isSequence(secret)) return [`kid ${kid}: the secret is not random`]
  return []
}

function isSequence(secret: Buffer): boolean {
  const step = (index: number): number => (secret.readUInt8(index) - secret.readUInt8(index - 1) + 256) % 256
  return secret.every((_byte, index) => index === 0 || step(index) === step(1))
}

function clashesOf(added: Secret, earlier: readonly Secret[]): string[] {
  if (earlier.some(({ kid }) => kid === added.kid)) return [`kid ${added.kid} appears twice`]
  const twin = earlier.find(({ secret }) => secret.equals(added.secret))
  return twin ? [`kid ${twin.kid} and kid ${added.kid} have the same secret`] : []
}
