// Clients that others wrote, as they come: each is given the issuer, an id and what it proves itself with.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { ExecutionContext } from 'ava'
import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'
import { ClientCredentials } from 'simple-oauth2'
import { signer } from '../support/assertions.ts'
import { ISSUER, sharedLedger, type TestLedger } from '../support/ledger.ts'
import { realTest } from '../support/real-parts.ts'
import type { Credentials } from '../support/requests.ts'
import { fetchAt } from './fetch-at.ts'

const test = realTest('postgres')
const ledgerOfAll = sharedLedger()
const run = promisify(execFile)

/** What any client does: tokens of its own, a refresh, introspection, and the end. */
type Doing = {
  own: () => Promise<{ access_token: string; scope?: string | undefined }>
  refresh: (refresh_token: string) => Promise<{ access_token: string; refresh_token?: string | undefined }>
  introspect: (token: string) => Promise<{ active: boolean }>
  revoke: (token: string) => Promise<unknown>
}

/** `own: false`: a public client has no tokens of its own, and may not introspect. */
async function does(t: ExecutionContext, ledger: TestLedger, client_id: string, doing: Doing, { own = true } = {}) {
  if (own) {
    const { access_token, scope } = await doing.own()
    t.is(scope, 'read')
    t.true((await doing.introspect(access_token)).active)
  }
  const { refresh_token, access_token } = await ledger.grant({ to: { client_id, client_secret: null } })
  const refreshed = await doing.refresh(refresh_token)
  t.not(refreshed.access_token, access_token)
  t.not(refreshed.refresh_token, refresh_token)
  t.true(await ledger.isActive(refreshed.access_token))
  await doing.revoke(String(refreshed.refresh_token))
  t.false(own ? (await doing.introspect(refreshed.access_token)).active : await ledger.isActive(access_token))
  await t.throwsAsync(doing.refresh(String(refreshed.refresh_token)), undefined, 'it has ended')
}

const SERVER = { resource_server_folders: ['orders'] }

/** A client of each method: its id and what `auth` makes of what it proves itself with. */
async function clientsOf<Auth>(ledger: TestLedger, auth: Record<'basic' | 'post', (secret: string) => Auth>) {
  await ledger.isActive('x')
  const [basic, post] = [
    await ledger.client(SERVER),
    await ledger.client({ ...SERVER, token_endpoint_auth_method: 'client_secret_post' }),
  ]
  return [
    { client_id: basic.client_id, auth: auth.basic(String(basic.client_secret)) },
    { client_id: post.client_id, auth: auth.post(String(post.client_secret)) },
  ]
}

test('oauth4webapi, with each method of authentication', async (t) => {
  const ledger = await ledgerOfAll()
  const options = { [oauth.customFetch]: fetchAt(ledger) }
  const url = new URL(ISSUER)
  const found = await oauth.discoveryRequest(url, { ...options, algorithm: 'oauth2' })
  const as = await oauth.processDiscoveryResponse(url, found)
  const signing = await signer(ledger, SERVER)
  const phone = await ledger.publicClient()
  const all: { client_id: string; auth: oauth.ClientAuth; own?: boolean }[] = [
    ...(await clientsOf(ledger, { basic: oauth.ClientSecretBasic, post: oauth.ClientSecretPost })),
    { client_id: signing.client_id, auth: oauth.PrivateKeyJwt({ key: signing.key.privateKey, kid: signing.key.kid }) },
    { client_id: phone.client_id, auth: oauth.None(), own: false },
  ]
  for (const { client_id, auth, own = true } of all) {
    const client = { client_id }
    const doing: Doing = {
      own: async () => {
        const sent = await oauth.clientCredentialsGrantRequest(as, client, auth, { scope: 'read' }, options)
        return oauth.processClientCredentialsResponse(as, client, sent)
      },
      refresh: async (refresh_token) => {
        const sent = await oauth.refreshTokenGrantRequest(as, client, auth, refresh_token, options)
        return oauth.processRefreshTokenResponse(as, client, sent)
      },
      introspect: async (token) => {
        const sent = await oauth.introspectionRequest(as, client, auth, token, options)
        return oauth.processIntrospectionResponse(as, client, sent)
      },
      revoke: async (token) => {
        await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, auth, token, options))
      },
    }
    await does(t, ledger, client_id, doing, { own })
  }
})

test('openid-client, with each method of authentication', async (t) => {
  const ledger = await ledgerOfAll()
  const options = { algorithm: 'oauth2' as const, [openid.customFetch]: fetchAt(ledger) }
  const signing = await signer(ledger, SERVER)
  const phone = await ledger.publicClient()
  const all: { client_id: string; auth: openid.ClientAuth; own?: boolean }[] = [
    ...(await clientsOf(ledger, { basic: openid.ClientSecretBasic, post: openid.ClientSecretPost })),
    { client_id: signing.client_id, auth: openid.PrivateKeyJwt({ key: signing.key.privateKey, kid: signing.key.kid }) },
    { client_id: phone.client_id, auth: openid.None(), own: false },
  ]
  for (const { client_id, auth, own = true } of all) {
    const config = await openid.discovery(new URL(ISSUER), client_id, undefined, auth, options)
    const doing: Doing = {
      own: () => openid.clientCredentialsGrant(config, { scope: 'read' }),
      refresh: (refresh_token) => openid.refreshTokenGrant(config, refresh_token),
      introspect: (token) => openid.tokenIntrospection(config, token),
      revoke: (token) => openid.tokenRevocation(config, token),
    }
    await does(t, ledger, client_id, doing, { own })
  }
})

test('simple-oauth2: its own tokens, a refresh, and revokeAll, by header and by body', async (t) => {
  const ledger = await ledgerOfAll()
  await ledger.isActive('x')
  for (const authorizationMethod of ['header', 'body'] as const) {
    const token_endpoint_auth_method = authorizationMethod === 'body' ? 'client_secret_post' : 'client_secret_basic'
    const app = await ledger.client({ token_endpoint_auth_method })
    const client = new ClientCredentials({
      client: { id: app.client_id, secret: String(app.client_secret) },
      auth: { tokenHost: ledger.url, tokenPath: '/oauth2/token', revokePath: '/oauth2/revoke' },
      options: { authorizationMethod },
    })
    const own = await client.getToken({ scope: 'read' })
    t.is(own.token['scope'], 'read')
    const pair = await ledger.grant({ to: app })
    const next = await client.createToken(pair).refresh()
    t.not(next.token['refresh_token'], pair.refresh_token)
    t.true(await ledger.isActive(String(next.token['access_token'])))
    await next.revokeAll()
    for (const access of [pair.access_token, String(next.token['access_token'])]) t.false(await ledger.isActive(access))
    await t.throwsAsync(next.refresh(), { message: /400/ })
    await own.revoke('access_token')
    t.false(await ledger.isActive(String(own.token['access_token'])))
  }
})

test('curl -u, by the standard paths and by the names of webMethods Integration Server', async (t) => {
  const ledger = await ledgerOfAll()
  await ledger.isActive('x')
  const app: Credentials = await ledger.client(SERVER)
  const curl = async (path: string, ...form: string[]) => {
    const parameters = form.flatMap((pair) => ['--data-urlencode', pair])
    const user = ['-u', `${app.client_id}:${app.client_secret}`]
    const { stdout } = await run('curl', ['-sS', '-f', ...user, `${ledger.url}${path}`, ...parameters])
    return JSON.parse(stdout) as Record<string, unknown>
  }
  for (const [token, introspect, revoke] of [
    ['/oauth2/token', '/oauth2/introspect', '/oauth2/revoke'],
    ...['/', ':'].map((colon) =>
      ['getToken', 'introspectToken', 'revokeToken'].map((n) => `/invoke/pub.oauth${colon}${n}`),
    ),
  ] as [string, string, string][]) {
    const { refresh_token } = await ledger.grant({ to: app })
    const pair = await curl(token, 'grant_type=refresh_token', `refresh_token=${refresh_token}`)
    t.true((await curl(introspect, `token=${String(pair['access_token'])}`))['active'])
    t.deepEqual(await curl(revoke, `token=${String(pair['refresh_token'])}`), {})
    t.deepEqual(await curl(introspect, `token=${String(pair['access_token'])}`), { active: false })
    await t.throwsAsync(curl(token, 'grant_type=refresh_token', `refresh_token=${refresh_token}`))
  }
})
