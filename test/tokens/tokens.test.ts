import { randomBytes, randomUUID } from 'node:crypto'
import test from 'ava'
import fc from 'fast-check'
import {
  generateClientSecret,
  hashClientSecret,
  repeatableClientSecret,
  verifyClientSecret,
} from '../../shared/tokens/client-secret.ts'
import { deriveKeys, formatCheckSecrets, parseCheckSecrets, parseSecrets } from '../../shared/tokens/keys.ts'
import { formatToken, parseToken, tokenKind } from '../../shared/tokens/token-string.ts'

const LEDGER = '0198c0de-0000-7000-8000-000000000001'
const GRANT = '0198c0de-1234-7abc-8def-0123456789ab'
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const KINDS = ['at', 'rt', 'ac'] as const

const one = randomBytes(32).toString('base64')
const two = randomBytes(48).toString('base64')
const keysFrom = (text: string, ledger_id = LEDGER) => deriveKeys(parseSecrets(text), ledger_id)
const keys = keysFrom(`1:${one}`)

test('a token says what it was made from, for every grant, generation and kind', (t) => {
  fc.assert(
    fc.property(fc.uuid(), fc.nat(0xffffffff), fc.constantFrom(...KINDS), (grant_id, generation, kind) => {
      const token = formatToken(keys, kind, { kid: 1, grant_id, generation })
      return (
        JSON.stringify(parseToken(keys, token)) === JSON.stringify({ kind, kid: 1, grant_id, generation }) &&
        tokenKind(token) === kind
      )
    }),
  )
  t.pass()
})

test('the format never changes: a token of this release is read by every later one', (t) => {
  const fixed = deriveKeys([{ kid: 7, secret: Buffer.from(Array.from({ length: 32 }, (_, i) => i)) }], LEDGER)
  const token = formatToken(fixed, 'rt', { kid: 7, grant_id: GRANT, generation: 3 })
  t.is(token, 'tl_rt_BwGYwN4SNHq8je8BI0VniasAAAADgFmz12xJ1K1SSWA9e50reo9phPA')
})

test('the same generation gives the same token again', (t) => {
  const content = { kid: 1, grant_id: GRANT, generation: 5 }
  t.is(formatToken(keys, 'rt', content), formatToken(keys, 'rt', content))
})

test('every single-character substitution of a token is refused', (t) => {
  for (const kind of KINDS) {
    const token = formatToken(keys, kind, { kid: 1, grant_id: GRANT, generation: 1 })
    const accepted = substitutionsOf(token).filter((changed) => parseToken(keys, changed) !== null)
    t.deepEqual(accepted, [])
    t.is(substitutionsOf(token).length, token.length * 64 - token.length)
  }
})

function substitutionsOf(token: string): string[] {
  return [...token].flatMap((original, at) =>
    [...ALPHABET]
      .filter((character) => character !== original)
      .map((character) => token.slice(0, at) + character + token.slice(at + 1)),
  )
}

test('a longer, shorter, padded or otherwise encoded token is refused', (t) => {
  const token = formatToken(keys, 'at', { kid: 1, grant_id: GRANT, generation: 1 })
  const standard = 'tl_at_' + Buffer.from(token.slice(6), 'base64url').toString('base64')
  for (const changed of [token + 'A', token.slice(0, -1), token + '=', token + '\n', ` ${token}`, standard, ''])
    t.is(parseToken(keys, changed), null)
})

test('a token of one kind is not a token of another kind', (t) => {
  const token = formatToken(keys, 'rt', { kid: 1, grant_id: GRANT, generation: 1 })
  t.is(parseToken(keys, token.replace('tl_rt_', 'tl_at_')), null)
})

test('the tokens of one ledger mean nothing to another with the same secret', (t) => {
  const token = formatToken(keys, 'at', { kid: 1, grant_id: GRANT, generation: 1 })
  t.is(parseToken(keysFrom(`1:${one}`, randomUUID()), token), null)
})

test('any string at all is parsed or refused, never an exception', (t) => {
  const nearly = fc
    .tuple(fc.constantFrom('tl_at_', 'tl_rt_', 'tl_ac_', 'tl_'), fc.stringMatching(/^[\w+/=-]{50,60}$/))
    .map((parts) => parts.join(''))
  const strings = fc.oneof(fc.string({ unit: 'binary' }), nearly)
  fc.assert(fc.property(strings, (text) => parseToken(keys, text) === null))
  t.pass()
})

test('what cannot be a token is not made: wrong UUID, generation out of 4 bytes, kid without key', (t) => {
  const content = { kid: 1, grant_id: GRANT, generation: 1 }
  t.throws(() => formatToken(keys, 'at', { ...content, grant_id: GRANT.toUpperCase() }), { message: /UUID/ })
  for (const generation of [-1, 1.5, 2 ** 32, NaN])
    t.throws(() => formatToken(keys, 'at', { ...content, generation }), { message: /4 bytes/ })
  t.throws(() => formatToken(keys, 'at', { ...content, kid: 2 }), { message: /no key/ })
})

test('a token outlives rotation as long as its kid is among the secrets, and dies with it', (t) => {
  const token = formatToken(keys, 'rt', { kid: 1, grant_id: GRANT, generation: 1 })
  t.truthy(parseToken(keysFrom(`1:${one},2:${two}`), token))
  t.truthy(parseToken(keysFrom(`2:${two},1:${one}`), token))
  t.is(parseToken(keysFrom(`2:${two}`), token), null)
  t.is(parseToken(keysFrom(`1:${two}`), token), null)
})

test('the first secret is the current one', (t) => {
  t.is(keysFrom(`2:${two},1:${one}`).current, 2)
  t.deepEqual(keysFrom(`2:${two},1:${one}`).kids, [2, 1])
})

test('each purpose and each kid has a subkey of its own', (t) => {
  const both = keysFrom(`2:${two},1:${one}`)
  const purposes = ['at', 'rt', 'ac', 'pepper', 'cookie', 'person', 'idempotency', 'password'] as const
  const all = purposes.flatMap((purpose) => [1, 2].map((kid) => both.subkey(purpose, kid)?.toString('hex')))
  t.is(new Set(all).size, 16)
  t.false(all.includes(undefined))
})

test('weak, short, doubled or damaged secrets are refused, each named, none shown', (t) => {
  const encode = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')
  const refused: [string, RegExp][] = [
    ['', /entry 1 is not "kid:base64"/],
    [one, /entry 1 is not "kid:base64"/],
    [`0:${one}`, /entry 1: the kid/],
    [`256:${one}`, /entry 1: the kid/],
    [`01:${one}`, /entry 1: the kid/],
    ['3:not base64!', /kid 3: the secret is not base64/],
    ['3:', /kid 3: the secret is not base64/],
    [`3:${encode(randomBytes(31))}`, /kid 3: the secret has 31 bytes/],
    [`3:${encode(Buffer.alloc(32, 7))}`, /kid 3: the secret is not random/],
    [`3:${encode(Buffer.from('changeme'.repeat(8)))}`, /kid 3: the secret is not random/],
    [`3:${encode(Uint8Array.from({ length: 32 }, (_, i) => i))}`, /kid 3: the secret is not random/],
    [`1:${one},1:${two}`, /kid 1 appears twice/],
    [`2:${one},1:${one}`, /kid 2 and kid 1 have the same secret/],
    [`1:${one},`, /entry 2 is not/],
  ]
  for (const [text, message] of refused) {
    const error = t.throws(() => parseSecrets(text), { message })
    t.false(error.message.includes(one))
  }
})

test('all problems of the secrets are told at once', (t) => {
  t.throws(() => parseSecrets('9:AAAA,x,300:AAAA'), { message: /kid 9.*entry 2.*entry 3/ })
})

test('the check secrets read access tokens and client secrets, and no refresh token or code', (t) => {
  const full = keysFrom(`2:${two},1:${one}`)
  const check = parseCheckSecrets(formatCheckSecrets(full))
  const content = { kid: 1, grant_id: GRANT, generation: 1 }
  t.deepEqual([check.current, check.kids], [2, [2, 1]])
  t.truthy(parseToken(check, formatToken(full, 'at', content)))
  t.is(parseToken(check, formatToken(full, 'rt', content)), null)
  t.is(parseToken(check, formatToken(full, 'ac', content)), null)
  t.throws(() => formatToken(check, 'rt', content))
  const secret = generateClientSecret()
  t.true(verifyClientSecret(check, secret, hashClientSecret(full, secret)))
})

test('check secrets in another form are refused, a system secret too', (t) => {
  const good = formatCheckSecrets(keys)
  for (const text of ['', `1:${one}`, good + ',', `${good},${good}`, good.replace('1:', '0:'), good + ':AAAA'])
    t.throws(() => parseCheckSecrets(text))
})

test('a client secret is 256 bits of characters that form encoding leaves alone', (t) => {
  const secret = generateClientSecret()
  t.regex(secret, /^[\w-]{43}$/)
  t.not(secret, generateClientSecret())
})

test('only the secret itself verifies, under the pepper it was stored with, also after rotation', (t) => {
  const secret = generateClientSecret()
  const stored = hashClientSecret(keys, secret)
  t.true(verifyClientSecret(keysFrom(`2:${two},1:${one}`), secret, stored))
  t.false(verifyClientSecret(keysFrom(`2:${two}`), secret, stored))
  t.false(verifyClientSecret(keys, secret + 'x', stored))
  t.false(verifyClientSecret(keys, '', stored))
  t.false(verifyClientSecret(keys, secret, null))
  t.false(verifyClientSecret(keys, secret, { kid: 1, hash: '' }))
  t.false(verifyClientSecret(keys, secret, { ...stored, kid: 9 }))
  t.false(JSON.stringify(stored).includes(secret))
})

test('traps-running 6: a secret that is made again is that of one request alone, and needs the key and what is kept of it', (t) => {
  const request = { principal: 'client/root', key: 'k', id: 'shop', revision: 1, salt: 's' }
  const secret = repeatableClientSecret(keys, 1, request)
  t.regex(secret ?? '', /^[\w-]{43}$/)
  t.is(repeatableClientSecret(keysFrom(`2:${two},1:${one}`), 1, request), secret)
  const others = [
    repeatableClientSecret(keysFrom(`2:${two},1:${one}`), 2, request),
    repeatableClientSecret(keys, 1, { ...request, principal: 'user/root' }),
    repeatableClientSecret(keys, 1, { ...request, key: 'k2' }),
    repeatableClientSecret(keys, 1, { ...request, id: 'shop2' }),
    repeatableClientSecret(keys, 1, { ...request, id: 'shop","1', revision: 1 }),
    repeatableClientSecret(keys, 1, { ...request, revision: 2 }),
    repeatableClientSecret(keys, 1, { ...request, salt: 's2' }),
  ]
  t.is(new Set([secret, ...others]).size, 8)
  t.false(others.includes(null))
  t.is(repeatableClientSecret(keys, 9, request), null)
  t.is(repeatableClientSecret(parseCheckSecrets(formatCheckSecrets(keys)), 1, request), null)
})
