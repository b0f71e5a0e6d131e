// Codes and passwords, as clients that others wrote exchange them. Until there are login pages an administrator
// authorizes.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { ExecutionContext } from 'ava'
import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'
import { AuthorizationCode, ResourceOwnerPassword } from 'simple-oauth2'
import { v7 as uuidv7 } from 'uuid'
import { type Ledger, startLedger } from '../admin/ledger.ts'
import { newKey, signerOf } from '../support/assertions.ts'
import { CALLBACK, CODE_CLIENT } from '../support/codes.ts'
import { ISSUER } from '../support/ledger.ts'
import { GOOD, mustSet } from '../support/passwords.ts'
import { realTest } from '../support/real-parts.ts'
import { fetchAt } from './fetch-at.ts'

const test = realTest('postgres')
const run = promisify(execFile)

type App = Awaited<ReturnType<Ledger['register']>>

const METADATA = { ...CODE_CLIENT, scope: 'read write' }
const POST = { token_endpoint_auth_method: 'client_secret_post' }
const PHONE = { client_type: 'public' }

/** A ledger with the user `ada`, who has a password, and how her codes are made: each with a verifier (S256). */
async function withAda(t: ExecutionContext) {
  const ledger = await startLedger(t, { services: ['token-endpoint', 'token-check', 'projector', 'admin'] })
  await ledger.isActive('x')
  await ledger.make('/admin/users/ada', { username: 'ada' })
  const register = (over: object) => ledger.register({ client_name: uuidv7(), ...METADATA, ...over })
  const authorize = async ({ client_id }: Pick<App, 'client_id'>) => {
    const verifier = oauth.generateRandomCodeVerifier()
    const code_challenge = await oauth.calculatePKCECodeChallenge(verifier)
    const asked = { client_id, sub: 'ada', redirect_uri: CALLBACK, code_challenge, code_challenge_method: 'S256' }
    const { status, body } = await ledger.send('POST', '/admin/authorizations', { token: ledger.root, body: asked })
    t.is(status, 200, JSON.stringify(body))
    return { code: String(body['code']), verifier }
  }
  const key = await newKey()
  const signing = async () => {
    const jwks = { keys: [{ ...key.jwk, use: 'sig' }] }
    return signerOf((await register({ token_endpoint_auth_method: 'private_key_jwt', jwks })).client_id, key)
  }
  return { ledger, register, authorize, signing }
}

type Tokens = { access_token: string; refresh_token?: string | undefined; scope?: string | undefined }

/** What any client does with a code, and with the pair that it got. */
type Doing = {
  exchange: (verifier: string) => Promise<Tokens>
  refresh: (refresh_token: string) => Promise<Tokens>
  revoke: (token: string) => Promise<unknown>
}

async function does(t: ExecutionContext, ledger: Ledger, verifier: string, { exchange, refresh, revoke }: Doing) {
  await t.throwsAsync(exchange(oauth.generateRandomCodeVerifier()), undefined, 'another verifier')
  const first = await exchange(verifier)
  t.like(await ledger.introspect(first.access_token), { active: true, sub: 'ada', username: 'ada' })
  t.is(first.scope, 'read write')
  await t.throwsAsync(exchange(verifier), undefined, 'a code is answered once')
  const next = await refresh(String(first.refresh_token))
  t.not(next.access_token, first.access_token)
  t.true(await ledger.isActive(next.access_token))
  await revoke(String(next.refresh_token))
  t.false(await ledger.isActive(next.access_token))
}

test('oauth4webapi exchanges a code, with each method of authentication', async (t) => {
  const { ledger, register, authorize, signing } = await withAda(t)
  const options = { [oauth.customFetch]: fetchAt(ledger) }
  const url = new URL(ISSUER)
  const as = await oauth.processDiscoveryResponse(
    url,
    await oauth.discoveryRequest(url, { ...options, algorithm: 'oauth2' }),
  )
  const [basic, post, signs] = [await register({}), await register(POST), await signing()]
  const all: { client: Pick<App, 'client_id'>; auth: oauth.ClientAuth }[] = [
    { client: basic, auth: oauth.ClientSecretBasic(basic.client_secret) },
    { client: post, auth: oauth.ClientSecretPost(post.client_secret) },
    { client: signs, auth: oauth.PrivateKeyJwt({ key: signs.key.privateKey, kid: signs.key.kid }) },
    { client: await register(PHONE), auth: oauth.None() },
  ]
  for (const { client: app, auth } of all) {
    const client = { client_id: app.client_id }
    const { code, verifier } = await authorize(client)
    const back = oauth.validateAuthResponse(as, client, new URLSearchParams({ code, iss: ISSUER }), oauth.expectNoState)
    await does(t, ledger, verifier, {
      exchange: async (proof) => {
        const sent = await oauth.authorizationCodeGrantRequest(as, client, auth, back, CALLBACK, proof, options)
        return oauth.processAuthorizationCodeResponse(as, client, sent)
      },
      refresh: async (refresh_token) => {
        const sent = await oauth.refreshTokenGrantRequest(as, client, auth, refresh_token, options)
        return oauth.processRefreshTokenResponse(as, client, sent)
      },
      revoke: async (token) =>
        oauth.processRevocationResponse(await oauth.revocationRequest(as, client, auth, token, options)),
    })
  }
  await mustSet(ledger, 'ada', GOOD)
  const app = await register({ grant_types: ['password'] })
  const client = { client_id: app.client_id }
  const login = async (password: string) => {
    const [auth, form] = [oauth.ClientSecretBasic(app.client_secret), { username: 'ada', password, scope: 'read' }]
    const sent = await oauth.genericTokenEndpointRequest(as, client, auth, 'password', form, options)
    return oauth.processGenericTokenEndpointResponse(as, client, sent)
  }
  await t.throwsAsync(login('not the password of ada'), { name: 'ResponseBodyError', message: /error/ })
  const { access_token, scope } = await login(GOOD)
  t.is(scope, 'read')
  t.like(await ledger.introspect(access_token), { active: true, sub: 'ada' })
})

test('openid-client exchanges a code, with each method of authentication', async (t) => {
  const { ledger, register, authorize, signing } = await withAda(t)
  const options = { algorithm: 'oauth2' as const, [openid.customFetch]: fetchAt(ledger) }
  const [basic, post, signs] = [await register({}), await register(POST), await signing()]
  const all: { client: Pick<App, 'client_id'>; auth: openid.ClientAuth }[] = [
    { client: basic, auth: openid.ClientSecretBasic(basic.client_secret) },
    { client: post, auth: openid.ClientSecretPost(post.client_secret) },
    { client: signs, auth: openid.PrivateKeyJwt({ key: signs.key.privateKey, kid: signs.key.kid }) },
    { client: await register(PHONE), auth: openid.None() },
  ]
  for (const { client, auth } of all) {
    const config = await openid.discovery(new URL(ISSUER), client.client_id, undefined, auth, options)
    const { code, verifier } = await authorize(client)
    const back = new URL(`${CALLBACK}?${new URLSearchParams({ code, iss: ISSUER }).toString()}`)
    await does(t, ledger, verifier, {
      exchange: (pkceCodeVerifier) => openid.authorizationCodeGrant(config, back, { pkceCodeVerifier }),
      refresh: (refresh_token) => openid.refreshTokenGrant(config, refresh_token),
      revoke: (token) => openid.tokenRevocation(config, token),
    })
  }
})

test('simple-oauth2 exchanges a code and a password, by header and by body, and ends what it got by revokeAll', async (t) => {
  const { ledger, register, authorize } = await withAda(t)
  await mustSet(ledger, 'ada', GOOD)
  const grant_types = ['authorization_code', 'password', 'refresh_token']
  for (const [authorizationMethod, over] of [
    ['header', { grant_types }],
    ['body', { grant_types, ...POST }],
    ['body', PHONE],
  ] as const) {
    const app = await register(over)
    const config = {
      client: { id: app.client_id, ...(over !== PHONE && { secret: app.client_secret }) },
      auth: { tokenHost: ledger.url, tokenPath: '/oauth2/token', revokePath: '/oauth2/revoke' },
      options: { authorizationMethod },
    }
    const { code, verifier } = await authorize(app)
    const byCode = new AuthorizationCode(config)
    const asked = { code, redirect_uri: CALLBACK, code_verifier: verifier }
    await t.throwsAsync(byCode.getToken({ ...asked, code_verifier: '' }), { message: /400/ })
    const got = [await byCode.getToken(asked)]
    await t.throwsAsync(byCode.getToken(asked), { message: /400/ }, 'a code is answered once')
    const byPassword = new ResourceOwnerPassword(config)
    const login = { username: 'ada', password: GOOD, scope: ['read', 'write'] }
    if (over === PHONE) await t.throwsAsync(byPassword.getToken(login), { message: /400/ }, 'confidential ones only')
    else got.push(await byPassword.getToken(login))
    for (const token of got) {
      const first = String(token.token['access_token'])
      t.like(await ledger.introspect(first), { active: true, sub: 'ada', scope: 'read write' })
      const next = await token.refresh()
      t.not(next.token['refresh_token'], token.token['refresh_token'])
      await next.revokeAll()
      for (const access of [first, String(next.token['access_token'])]) t.false(await ledger.isActive(access))
      await t.throwsAsync(next.refresh(), { message: /400/ })
    }
  }
})

test('curl exchanges a code, with each method of authentication', async (t) => {
  const { ledger, register, authorize, signing } = await withAda(t)
  const [basic, post, signs, phone] = [await register({}), await register(POST), await signing(), await register(PHONE)]
  const curl = async (path: string, user: string[], form: Record<string, string>) => {
    const parameters = Object.entries(form).flatMap(([name, value]) => ['--data-urlencode', `${name}=${value}`])
    const { stdout } = await run('curl', ['-sS', '-f', ...user, `${ledger.url}${path}`, ...parameters])
    return JSON.parse(stdout) as Tokens
  }
  const all: { client: Pick<App, 'client_id'>; user?: string[]; proof?: () => Promise<Record<string, string>> }[] = [
    { client: basic, user: ['-u', `${basic.client_id}:${basic.client_secret}`] },
    { client: post, proof: () => Promise.resolve({ client_id: post.client_id, client_secret: post.client_secret }) },
    { client: signs, proof: () => signs.proof() },
    { client: phone, proof: () => Promise.resolve({ client_id: phone.client_id }) },
  ]
  for (const { client, user = [], proof = () => Promise.resolve({}) } of all) {
    const { code, verifier } = await authorize(client)
    const ask = async (path: string, form: Record<string, string>) => curl(path, user, { ...form, ...(await proof()) })
    const coded = { grant_type: 'authorization_code', code, redirect_uri: CALLBACK }
    await does(t, ledger, verifier, {
      exchange: (code_verifier) => ask('/oauth2/token', { ...coded, code_verifier }),
      refresh: (refresh_token) => ask('/oauth2/token', { grant_type: 'refresh_token', refresh_token }),
      revoke: (token) => ask('/oauth2/revoke', { token }),
    })
  }
})
