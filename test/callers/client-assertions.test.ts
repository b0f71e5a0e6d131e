import { v7 as uuidv7 } from 'uuid'
import type { JwkSet } from '../../shared/ledger/client.ts'
import { newKey, signer, signerOf } from '../support/assertions.ts'
import { refuses } from '../support/asserting.ts'
import { ISSUER, sharedLedger, type TestLedger } from '../support/ledger.ts'
import { realTest } from '../support/real-parts.ts'
import { basic } from '../support/requests.ts'

const test = realTest('postgres')
const ledgerOfAll = sharedLedger(async () => ({ settings: { ADDRESS_FAILURES: '10000' } }))
const TOKEN = '/oauth2/token'
const OWN = { grant_type: 'client_credentials' }
const seconds = () => Math.floor(Date.now() / 1000)

/** A request to each endpoint that authenticates clients, proved by these parameters. */
const REQUESTS: [path: string, send: (ledger: TestLedger, proof: Record<string, string>) => Promise<number>][] = [
  [TOKEN, async ({ post }, proof) => (await post(TOKEN, { ...OWN, ...proof })).status],
  ['/oauth2/revoke', async ({ post }, proof) => (await post('/oauth2/revoke', { token: 'x', ...proof })).status],
  [
    '/oauth2/introspect',
    async ({ post }, proof) => (await post('/oauth2/introspect', { token: 'x', ...proof })).status,
  ],
  [
    '/check',
    async ({ postJson }, proof) => (await postJson('/check', { token: 'x', resource: 'orders', ...proof })).status,
  ],
]

/** One that may ask anything. */
const serving = { resource_server_folders: ['orders'] }

test('a client proves itself by a signature of each algorithm in the metadata', async (t) => {
  const ledger = await ledgerOfAll()
  const { body } = await ledger.send('/.well-known/oauth-authorization-server')
  const algorithms = body['token_endpoint_auth_signing_alg_values_supported'] as string[]
  t.true(algorithms.includes('RS256') && algorithms.includes('ES256') && !algorithms.includes('none'))
  for (const endpoint of ['revocation', 'introspection'])
    t.deepEqual(body[`${endpoint}_endpoint_auth_signing_alg_values_supported`], algorithms)
  for (const alg of algorithms) {
    const app = await signer(ledger, {}, await newKey(alg))
    const { status, body } = await ledger.post(TOKEN, { ...OWN, ...(await app.proof()) })
    t.is(status, 200, `${alg}: ${JSON.stringify(body)}`)
    t.like(await ledger.introspect(String(body['access_token'])), { sub: app.client_id })
  }
})

test('traps-people 30: the issuer and the token endpoint both are an audience, at every endpoint; any other is invalid_client', async (t) => {
  const ledger = await ledgerOfAll()
  const own = [ISSUER, `${ISSUER}${TOKEN}`, [ISSUER], [`${ISSUER}${TOKEN}`, ISSUER], ['https://other.example', ISSUER]]
  const others = [
    'https://other.example',
    `${ISSUER}/`,
    `${ISSUER}${TOKEN}/`,
    ledger.url,
    [],
    [TOKEN],
    '',
    undefined,
    1,
  ]
  for (const [path, send] of REQUESTS) {
    const app = await signer(ledger, serving)
    for (const aud of own) t.is(await send(ledger, await app.proof({ aud })), 200, `${path} ${JSON.stringify(aud)}`)
    for (const aud of [...others, `${ISSUER}${path}x`])
      t.is(await send(ledger, await app.proof({ aud })), 401, `${path} ${JSON.stringify(aud)}`)
  }
})

test('traps-people 31: iat and nbf may be 10 s ahead, not 60; exp may be an hour away, by the clock of the client too', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await signer(ledger)
  const answered = async (claims: Record<string, unknown>) =>
    (await ledger.post(TOKEN, { ...OWN, ...(await app.proof(claims)) })).status
  for (const ahead of [1, 10]) {
    const then = seconds() + ahead
    t.is(await answered({ iat: then, nbf: then, exp: then + 3600 }), 200, `${ahead} s ahead`)
  }
  for (const [title, claims] of [
    ['an hour', { exp: seconds() + 3600 }],
    ['no iat, no nbf', { iat: undefined, exp: seconds() + 3590 }],
    ['long ago', { iat: seconds() - 86_400, nbf: seconds() - 86_400 }],
  ] as const)
    t.is(await answered(claims), 200, title)
  for (const [title, claims] of [
    ['iat', { iat: seconds() + 65, exp: seconds() + 100 }],
    ['nbf', { nbf: seconds() + 65, exp: seconds() + 100 }],
    ['more than an hour', { exp: seconds() + 3610 }],
    ['more than an hour, without iat', { iat: undefined, exp: seconds() + 3610 }],
    ['over', { exp: seconds() }],
    ['long over', { exp: seconds() - 100 }],
    ['for ever', { exp: undefined }],
    ['no number', { exp: String(seconds() + 60) }],
    ['no number as iat', { iat: 'now' }],
  ] as const)
    t.is(await answered(claims), 401, title)
})

test('whatever is wrong with an assertion gives one and the same answer, and nothing is kept of it', async (t) => {
  const ledger = await ledgerOfAll()
  const [app, other] = [await signer(ledger), await signer(ledger)]
  const rsa = await newKey('RS256')
  await ledger.changeClient(
    { client_id: app.client_id, client_secret: null },
    { jwks: { keys: [app.key.jwk, rsa.jwk] } },
  )
  const off = await signer(ledger, { enabled: false })
  const secret = await ledger.client({ jwks: { keys: [app.key.jwk] } })
  const good = await app.sign()
  const [head = '', payload = '', signature = ''] = good.split('.')
  const headOf = (header: object) => Buffer.from(JSON.stringify(header)).toString('base64url')
  const assertions: [title: string, assertion: string][] = [
    ['of another', await signerOf(app.client_id, other.key).sign({}, { kid: app.key.kid })],
    ['of a key that it has not', await other.sign({ iss: app.client_id, sub: app.client_id })],
    ['iss of another', await app.sign({ iss: other.client_id })],
    ['no iss', await app.sign({ iss: undefined })],
    ['no jti', await app.sign({ jti: undefined })],
    ['an empty jti', await app.sign({ jti: '' })],
    ['a jti that is no text', await app.sign({ jti: 7 })],
    ['no signature', `${head}.${payload}.`],
    ['another signature', `${head}.${payload}.${signature.slice(4)}AAAA`],
    ['alg none', `${headOf({ alg: 'none' })}.${payload}.`],
    ['alg of a shared key', `${headOf({ alg: 'HS256', kid: app.key.kid })}.${payload}.${signature}`],
    ['a critical header', `${headOf({ alg: 'ES256', crit: ['x'], x: 1 })}.${payload}.${signature}`],
    ['nobody', await signerOf(`nobody-${uuidv7()}`, app.key).sign()],
    ['disabled', await off.sign()],
    ['one that is to use its secret', await signerOf(secret.client_id, app.key).sign()],
  ]
  const answers = new Set<string>()
  for (const [title, client_assertion] of assertions) {
    const answer = await ledger.post(TOKEN, { ...OWN, ...(await app.proof()), client_assertion })
    refuses(t, answer, [401, 'invalid_client'], title)
    t.regex(answer.headers.get('www-authenticate') ?? '', /^Basic realm=/)
    answers.add(JSON.stringify(answer.body))
  }
  t.is(answers.size, 1)
  const { rows } = await ledger.runtime.knex.raw<{ rows: unknown[] }>(
    'SELECT 1 FROM ledger.assertions WHERE client_id = ANY (?)',
    [[app, other, off, secret].map(({ client_id }) => client_id)],
  )
  t.deepEqual(rows, [])
  t.is((await ledger.post(TOKEN, { ...OWN, ...(await app.proof()), client_assertion: good })).status, 200)
})

test('an assertion is of the type that says so, and of the client that is named, if one is', async (t) => {
  const ledger = await ledgerOfAll()
  const [app, other] = [await signer(ledger), await signer(ledger)]
  const ask = async (form: Record<string, string>, headers?: Record<string, string>) =>
    ledger.post(TOKEN, { ...OWN, ...form }, { headers: headers ?? {} })
  t.is((await ask({ ...(await app.proof()), client_id: app.client_id })).status, 200)
  const { client_assertion, client_assertion_type } = await app.proof()
  const refused: Record<string, string>[] = [
    { client_assertion: String(client_assertion) },
    { client_assertion: String(client_assertion), client_assertion_type: 'jwt' },
    { client_assertion_type: String(client_assertion_type), client_id: app.client_id },
    { ...(await app.proof()), client_id: other.client_id },
    { ...(await app.proof()), client_assertion: 'x.y.z' },
    { ...(await app.proof()), client_assertion: await app.sign({ sub: 'a\0b' }) },
    { ...(await app.proof()), client_assertion: await app.sign({ sub: undefined }) },
  ]
  for (const form of refused) refuses(t, await ask(form), [401, 'invalid_client'], JSON.stringify(Object.keys(form)))
  refuses(t, await ask({ ...(await app.proof()), client_secret: 'x' }), [400, 'invalid_request'])
  const authorization = basic(`${app.client_id}:x`)
  refuses(t, await ask(await app.proof(), { authorization }), [400, 'invalid_request'])
})

test('a client changes its keys: beside the old one the new one works, with and without kid, and a removed one does not', async (t) => {
  const ledger = await ledgerOfAll()
  const old = await signer(ledger)
  const { client_id } = old
  const next = signerOf(client_id, await newKey())
  const keep = (...keys: JwkSet['keys']) => ledger.changeClient({ client_id, client_secret: null }, { jwks: { keys } })
  const answered = async (one: typeof old, header = {}) =>
    (await ledger.post(TOKEN, { ...OWN, ...(await one.proof({}, header)) })).status
  await keep(old.key.jwk, (await newKey('RS256')).jwk, next.key.jwk)
  for (const one of [old, next]) {
    t.is(await answered(one), 200)
    t.is(await answered(one, { kid: undefined }), 200, 'any of its keys')
    t.is(await answered(one, { kid: 'another' }), 401)
  }
  t.is(await answered(signerOf(client_id, await newKey()), { kid: undefined }), 401)
  await keep(next.key.jwk)
  t.deepEqual([await answered(old), await answered(old, { kid: undefined }), await answered(next)], [401, 401, 200])
})
