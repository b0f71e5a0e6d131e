import { generateKeyPairSync, type JsonWebKey } from 'node:crypto'
import { realTest } from '../../support/real-parts.ts'
import { startLedger } from '../ledger.ts'

const test = realTest('postgres')

const rsa = (modulusLength: number, publicExponent = 65_537) =>
  generateKeyPairSync('rsa', { modulusLength, publicExponent })
const ec = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve })

type Pair = ReturnType<typeof rsa>
const publicJwk = ({ publicKey }: Pair, kid: string): JsonWebKey => ({ ...publicKey.export({ format: 'jwk' }), kid })
const privateJwk = ({ privateKey }: Pair, kid: string): JsonWebKey => ({ ...privateKey.export({ format: 'jwk' }), kid })

const PAIRS = {
  rsa: rsa(2048),
  p256: ec('P-256'),
  p384: ec('P-384'),
  p521: ec('P-521'),
  ed: generateKeyPairSync('ed25519'),
}
const KEYS = Object.entries(PAIRS).map(([kid, pair]) => publicJwk(pair, kid))
const [RSA, P256, , , ED] = KEYS as [JsonWebKey, JsonWebKey, JsonWebKey, JsonWebKey, JsonWebKey]

const of = (...keys: unknown[]) => ({ jwks: { keys } })

test('a client has public keys, which are shown, patched and removed; none is what it has at first', async (t) => {
  const { send, root: token, register, events } = await startLedger(t)
  const { client_id, ...plain } = await register({ client_name: 'Plain' })
  t.is((plain as { jwks?: unknown }).jwks, null)
  const path = `/admin/clients/${client_id}`
  const patch = (body: unknown) => send('PATCH', path, { token, body, headers: { 'if-match': '*' } })
  const jwks = {
    keys: [...KEYS.slice(1), { ...RSA, alg: 'PS256', use: 'sig', key_ops: ['verify'] }],
  }
  t.deepEqual((await patch({ jwks })).body['jwks'], jwks)
  t.deepEqual((await send('GET', path, { token })).body['jwks'], jwks)
  const { body } = await send('GET', '/admin/clients?prefix=Plain', { token })
  t.deepEqual((body['clients'] as { jwks: unknown }[])[0]?.jwks, jwks)
  t.deepEqual((await patch({ description: 'x' })).body['jwks'], jwks)
  const last = (await events()).at(-1)
  if (last?.type !== 'ClientChanged') return t.fail()
  t.deepEqual(last.data.client.jwks, jwks)
  t.is((await patch({ jwks: null })).body['jwks'], null)
  const made = await send('POST', '/admin/clients', { token, body: { client_name: 'Signer', ...of(ED) } })
  t.deepEqual(made.body['jwks'], { keys: [ED] })
  t.is(made.body['token_endpoint_auth_method'], 'client_secret_basic')
})

const WRONG: [title: string, over: object, named: string][] = [
  ['no set', { jwks: [RSA] }, 'jwks'],
  ['an empty set', of(), 'jwks.keys'],
  ['a member beside the keys', { jwks: { keys: [ED], issuer: 'x' } }, 'issuer'],
  ['a shared key', of({ kty: 'oct', kid: 'a', k: 'c2VjcmV0' }), 'jwks.keys.0.kty'],
  ['the private half of an RSA key', of(ED, privateJwk(PAIRS.rsa, 'a')), 'jwks.keys.1.d:'],
  ['the private half of an EC key', of(privateJwk(PAIRS.p256, 'a')), 'jwks.keys.0.d:'],
  ['the private half of an Ed25519 key', of(privateJwk(PAIRS.ed, 'a')), 'jwks.keys.0.d:'],
  ...['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'].map((member): [string, object, string] => [
    `the private member ${member}`,
    of({ ...RSA, [member]: member === 'oth' ? [] : 'AQAB' }),
    `jwks.keys.0.${member}:`,
  ]),
  ['RSA of 1024 bits', of(publicJwk(rsa(1024), 'a')), 'jwks.keys.0.n'],
  ['RSA of 2047 bits', of({ ...RSA, n: Buffer.from(modulus(2047)).toString('base64url') }), 'jwks.keys.0.n'],
  ['RSA of more than 8192 bits', of({ ...RSA, n: Buffer.alloc(1025, 0xff).toString('base64url') }), 'jwks.keys.0.n'],
  ['an exponent of 1', of({ ...RSA, e: 'AQ' }), 'jwks.keys.0'],
  ['an even exponent', of({ ...RSA, e: 'BA' }), 'jwks.keys.0.e'],
  ['a curve of Bitcoin', of(publicJwk(ec('secp256k1'), 'a')), 'jwks.keys.0.crv'],
  ['a point beside the curve', of({ ...P256, y: P256.x }), 'jwks.keys.0.x'],
  ['Ed448', of(publicJwk(generateKeyPairSync('ed448'), 'a')), 'jwks.keys.0.crv'],
  ['half a point of Ed25519', of({ ...ED, x: 'AAAA' }), 'jwks.keys.0.x'],
  ['an algorithm of another curve', of({ ...P256, alg: 'ES384' }), 'jwks.keys.0.alg'],
  ['an algorithm of shared keys', of({ ...RSA, alg: 'HS256' }), 'jwks.keys.0.alg'],
  ['a key to encrypt with', of({ ...RSA, use: 'enc' }), 'jwks.keys.0.use'],
  ['a key to sign with', of({ ...RSA, key_ops: ['sign'] }), 'jwks.keys.0.key_ops'],
  ['an unknown member', of({ ...ED, x5c: ['x'] }), 'x5c'],
  ['a key without kid', of({ ...ED, kid: undefined }), 'jwks.keys.0.kid'],
  ['two of one kid', of(ED, { ...P256, kid: 'ed' }), 'jwks.keys'],
  ['too many', of(...Array.from({ length: 21 }, (_, n) => ({ ...ED, kid: `k${n}` }))), 'jwks.keys'],
  ['an address to fetch them from', { jwks_uri: 'https://app.example/jwks' }, 'jwks_uri'],
  ['a method that needs some', { token_endpoint_auth_method: 'private_key_jwt' }, 'jwks: private_key_jwt needs'],
]

function modulus(bits: number): Uint8Array {
  const bytes = Buffer.alloc(256, 0xff)
  bytes[0] = 2 ** (bits - 255 * 8) - 1
  return bytes
}

test('what is wrong with public keys is named, and nothing of them is kept or told', async (t) => {
  const { send, root: token, register, events, lines } = await startLedger(t)
  const { client_id } = await register({ client_name: 'Shop' })
  const before = (await events()).length
  for (const [title, over, named] of WRONG) {
    const posted = await send('POST', '/admin/clients', { token, body: { client_name: 'Other', ...over } })
    const patched = await send('PATCH', `/admin/clients/${client_id}`, {
      token,
      body: over,
      headers: { 'if-match': '*' },
    })
    for (const { status, body } of [posted, patched]) {
      t.deepEqual([status, body['error']], [400, 'invalid_client_metadata'], title)
      t.true(String(body['error_description']).includes(named), `${title}: ${String(body['error_description'])}`)
      for (const pair of [PAIRS.rsa, PAIRS.p256, PAIRS.ed])
        t.false(JSON.stringify([body, lines]).includes(String(privateJwk(pair, 'a').d)), title)
    }
  }
  const app = { client_name: 'App', client_type: 'public', ...of(ED) }
  const { status, body } = await send('POST', '/admin/clients', { token, body: app })
  t.deepEqual([status, /jwks/.test(String(body['error_description']))], [400, true])
  t.is((await events()).length, before)
})

test('a client that this release cannot verify is refused as with a wrong secret, and operators are told', async (t) => {
  const ledger = await startLedger(t)
  const { post, lines, events, client, changeClient } = ledger
  const app = await client({ grant_types: ['client_credentials'], scope: '' })
  const ask = async (as = app) => {
    const { status, body } = await post('/oauth2/token', { grant_type: 'client_credentials' }, { as })
    return [status, body]
  }
  const wrong = await ask({ ...app, client_secret: 'wrong' })
  t.is(wrong[0], 401)
  const told = () =>
    lines.flatMap(({ alarm, client_id, means }) => (alarm === 'client_not_verifiable' ? [[client_id, means]] : []))
  t.deepEqual(told(), [])
  const stored = (await events()).flatMap(({ data }) => ('client' in data ? [data.client] : [])).at(-1)?.secret
  if (!stored) return t.fail()
  // What the secret itself would prove, if only its algorithm were not looked at.
  for (const secret_algorithm of ['scrypt_hmac', 'argon2_hmac']) {
    const cost = { n: 16_384, r: 8, p: 1 }
    await changeClient(app, { secret: { ...stored, secret_algorithm, salt: 'c2FsdA', cost } })
    t.deepEqual(await ask(), wrong)
    t.deepEqual(told().at(-1), [app.client_id, secret_algorithm])
  }
  const named = { secret: { ...stored, secret_algorithm: 'hmac' }, token_endpoint_auth_method: 'client_secret_basic' }
  await changeClient(app, named as Parameters<typeof changeClient>[1])
  t.is((await ask())[0], 200)
  const previous_secret = { ...stored, secret_algorithm: 'scrypt_hmac', expires_at: 2 ** 33 }
  await changeClient(app, { previous_secret })
  t.is((await ask())[0], 200, 'the current one can be verified')
  t.is(told().length, 2)
})
