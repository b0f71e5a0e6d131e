import { randomBytes } from 'node:crypto'
import test from 'ava'
import fc from 'fast-check'
import * as callers from '../../shared/callers/authenticate-client.ts'
import { ASSERTION_TYPE } from '../../shared/callers/client-assertion.ts'
import { type ClientCredentials, readClientCredentials } from '../../shared/callers/client-credentials.ts'
import { parseForm } from '../../shared/http/input/form-body.ts'
import { OAuthError } from '../../shared/http/oauth-error.ts'
import { secretsOf } from '../../shared/ledger/client.ts'
import type { Client } from '../../shared/ledger/events.ts'
import { generateClientSecret, hashClientSecret } from '../../shared/tokens/client-secret.ts'
import { deriveKeys } from '../../shared/tokens/keys.ts'
import { client as registered } from '../ledger/given.ts'
import { refusalOf } from '../support/asserting.ts'

const keys = deriveKeys([{ kid: 1, secret: randomBytes(32) }], 'a-ledger')
const secret = generateClientSecret()

const NOW = 1_000_000
async function authenticateClient(own: typeof keys, credentials: ClientCredentials, one: Client | null) {
  if (credentials.method === 'private_key_jwt') throw new Error('no secret proves this')
  return (await callers.authenticateClient(own, credentials, one, one ? secretsOf(one, NOW) : [])).client
}
const basic = (pair: string) => `Basic ${Buffer.from(pair).toString('base64')}`
const read = (authorization: string | undefined, form = '') =>
  readClientCredentials(authorization, parseForm(form), '/oauth2/token')

const client = registered({ client_id: 'web', secret: hashClientSecret(keys, secret) })

async function rejectionOf(attempt: Promise<unknown>): Promise<OAuthError> {
  const settled = await attempt.catch((error: unknown) => error)
  if (settled instanceof OAuthError) return settled
  throw new Error('it was not refused', { cause: settled })
}

test('Basic credentials are read form-encoded and raw, with the scheme in any case', (t) => {
  const expected = { client_id: 'a:b c', client_secret: 'x%y', method: 'client_secret_basic' } as const
  t.deepEqual(read(basic('a%3Ab+c:x%25y')), expected)
  t.deepEqual(read(basic('a%3Ab%20c:x%y').replace('Basic', 'bAsIc')), expected)
  t.deepEqual(read(basic('a%2Db:c:d')), { client_id: 'a-b', client_secret: 'c:d', method: 'client_secret_basic' })
})

test('Basic with an id and no secret is how a public client names itself, and proves nothing', async (t) => {
  t.deepEqual(read(basic('web:')), { client_id: 'web', client_secret: null, method: 'none' })
  t.deepEqual(read(basic('web:'), 'client_id=web'), { client_id: 'web', client_secret: null, method: 'none' })
  const open: Client = { ...client, client_type: 'public', token_endpoint_auth_method: 'none', secret: null }
  t.is(await authenticateClient(keys, read(basic('web:')), open), open)
  t.is((await rejectionOf(authenticateClient(keys, read(basic('web:')), client))).error, 'invalid_client')
  t.is(refusalOf(() => read(basic('web:'), `client_secret=${secret}`)).error, 'invalid_request')
  t.is(refusalOf(() => read(basic(':'))).error, 'invalid_client')
})

test('credentials in the body are client_secret_post, a client_id alone is none', (t) => {
  t.deepEqual(read(undefined, 'client_id=a&client_secret=b'), {
    client_id: 'a',
    client_secret: 'b',
    method: 'client_secret_post',
  })
  t.deepEqual(read(undefined, 'client_id=a'), { client_id: 'a', client_secret: null, method: 'none' })
  t.deepEqual(read('', 'client_id=a&client_secret='), { client_id: 'a', client_secret: null, method: 'none' })
})

test('an empty client_secret or the same client_id beside Basic is no second method', (t) => {
  t.is(read(basic('a:b'), 'client_secret=&client_id=a').method, 'client_secret_basic')
})

test('two methods at once, or two client ids, are an invalid_request', (t) => {
  const forms = ['client_secret=b', 'client_id=a&client_secret=b', 'client_id=other', 'client_assertion=x']
  for (const form of forms) t.is(refusalOf(() => read(basic('a:b'), form)).error, 'invalid_request')
  t.is(refusalOf(() => read(undefined, 'client_id=a&client_secret=b&client_assertion=x')).error, 'invalid_request')
})

test('a broken Authorization header, or no authentication at all, is a 401 with a Basic challenge', (t) => {
  const headers = [
    'Basic',
    'Basic ',
    'Basic !!!',
    basic('nocolon'),
    basic(':b'),
    basic('a\0:b'),
    basic('a\n:b'),
    'Bearer x',
    'x',
  ]
  const refusals = [...headers.map((header) => refusalOf(() => read(header))), refusalOf(() => read(undefined))]
  for (const form of [
    'client_assertion=x&client_id=a',
    'client_assertion_type=x&client_id=a',
    `client_assertion_type=${encodeURIComponent(ASSERTION_TYPE)}&client_id=a`,
    `client_assertion_type=${encodeURIComponent(ASSERTION_TYPE)}&client_assertion=x&client_id=a`,
  ])
    refusals.push(refusalOf(() => read(undefined, form)))
  for (const { error, status, headers } of refusals) {
    t.deepEqual([error, status], ['invalid_client', 401])
    t.regex(headers['WWW-Authenticate'] ?? '', /^Basic realm=/)
  }
})

test('any header gives credentials or an OAuthError', (t) => {
  const header = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.base64String().map((text) => `Basic ${text}`),
    fc.string({ unit: 'binary' }).map(basic),
  )
  fc.assert(
    fc.property(header, (authorization) => {
      try {
        const { client_id } = read(authorization, 'client_id=x')
        return /^[\x20-\x7e]+$/.test(client_id)
      } catch (error) {
        return error instanceof OAuthError && error.status < 500
      }
    }),
  )
  t.pass()
})

test('a client that proves itself by its own method is let in', async (t) => {
  const post: Client = { ...client, token_endpoint_auth_method: 'client_secret_post' }
  const open: Client = { ...client, token_endpoint_auth_method: 'none', client_type: 'public', secret: null }
  t.is(
    await authenticateClient(keys, { client_id: 'web', client_secret: secret, method: 'client_secret_basic' }, client),
    client,
  )
  t.is(
    await authenticateClient(keys, { client_id: 'web', client_secret: secret, method: 'client_secret_post' }, post),
    post,
  )
  t.is(await authenticateClient(keys, { client_id: 'web', client_secret: null, method: 'none' }, open), open)
})

test('the secret of before lets a client in until its time is over, and only the one that it was', async (t) => {
  const [before, wrong] = [generateClientSecret(), generateClientSecret()]
  const renewed = (expires_at: number): Client => ({
    ...client,
    previous_secret: { ...hashClientSecret(keys, before), expires_at },
  })
  const present = (client_secret: string, one: Client) =>
    callers.authenticateClient(
      keys,
      { client_id: 'web', client_secret, method: 'client_secret_basic' },
      one,
      secretsOf(one, NOW),
    )
  const living = renewed(NOW / 1000 + 1)
  t.is((await present(before, living)).secret, living.previous_secret ?? null, 'the one that was proven')
  t.is((await present(secret, living)).secret, living.secret)
  t.is((await present(before, { ...living, secret: null })).secret, living.previous_secret ?? null)
  for (const attempt of [
    () => present(before, renewed(NOW / 1000)),
    () => present(wrong, living),
    () => present(before, { ...living, enabled: false }),
    () => present(before, { ...living, previous_secret: null }),
  ])
    t.is((await rejectionOf(attempt())).error, 'invalid_client')
})

test('unknown, disabled, wrong secret, wrong method: one and the same invalid_client', async (t) => {
  const right: ClientCredentials = { client_id: 'web', client_secret: secret, method: 'client_secret_basic' }
  const open: Client = { ...client, token_endpoint_auth_method: 'none', client_type: 'public', secret: null }
  const none: ClientCredentials = { client_id: 'web', client_secret: null, method: 'none' }
  const attempts: [ClientCredentials, Client | null][] = [
    [right, null],
    [{ ...right, client_secret: secret + 'x' }, client],
    [{ ...right, client_secret: '' }, client],
    [{ ...right, method: 'client_secret_post' }, client],
    [none, client],
    [none, null],
    [right, open],
    [{ ...right, client_secret: '' }, open],
    [right, { ...client, enabled: false }],
    [right, { ...client, secret: null }],
    [right, { ...client, client_id: 'another' }],
  ]
  const answers: string[] = []
  for (const [credentials, registered] of attempts) {
    const refusal = await rejectionOf(authenticateClient(keys, credentials, registered))
    const { error, status, message, headers } = refusal
    answers.push(JSON.stringify({ error, status, message, headers }))
  }
  t.is(new Set(answers).size, 1)
  t.regex(answers[0] ?? '', /"invalid_client","status":401.*Basic realm/)
})
