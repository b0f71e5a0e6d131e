import { createRemoteJWKSet, customFetch as joseFetch, errors, type JWTPayload, jwtVerify } from 'jose'
import * as openid from 'openid-client'
import type { ProviderSettings } from '../../../shared/config/groups/provider-settings.ts'
import { isSafeUrl } from '../../../shared/config/groups/upstream-issuer.ts'
import { BOUNDS, type BoundedFetch, boundedFetch } from './bounded-fetch.ts'
import { cached } from './cached.ts'
import { faultOf, UpstreamError } from './upstream-error.ts'

/** What the browser that began must bring back, and what only we know meanwhile. */
export type Attempt = { state: string; nonce: string; code_verifier: string }

export type BeginOptions = {
  /** The person must log in there again, whatever session there is. */
  again?: boolean
  /** Seconds since the login at the most: the provider has to say when that was. */
  max_age?: number | null
}

/** Who came, as the provider says. Only `issuer` and `sub` tell who it is; all else is personal data. */
export type Arrival = { issuer: string; sub: string; claims: Readonly<Record<string, unknown>> }

export type Provider = {
  settings: ProviderSettings
  /** Where the browser goes, and what its callback is judged by. UpstreamError. */
  begin(options?: BeginOptions): Promise<{ url: string; attempt: Attempt }>
  /** Who came back with this query. UpstreamError. */
  finish(query: string, attempt: Attempt): Promise<Arrived>
  /** Where the session there is ended (OpenID Connect RP-Initiated Logout §2); `null`: nowhere, or it is away. */
  endSessionUrl(post_logout_redirect_uri: string): Promise<string | null>
}

export type Arrived = Arrival & {
  /** Seconds since the person logged in there, by the provider's own clock; `null`: it does not say. */
  age: number | null
  /** The same with what the UserInfo endpoint says (OpenID Connect Core §5.3). UpstreamError. */
  withProfile(): Promise<Arrival>
}

export type ProviderOptions = {
  settings: ProviderSettings
  redirect_uri: string
  fetch?: BoundedFetch
  clock?: () => number
}

/** Seconds that the provider's clock may be off. */
const CLOCK_TOLERANCE = 120

/** Asymmetric ones: a key that we hold ourselves would prove nothing. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']

type Ready = { config: openid.Configuration; keys: ReturnType<typeof createRemoteJWKSet> }

/** An OpenID provider. It is asked for nothing before somebody wants to log in with it. */
export function createProvider(options: ProviderOptions): Provider {
  const { settings, redirect_uri, fetch = boundedFetch(), clock = Date.now } = options
  let before: Ready | undefined
  const metadata = cached({
    load: async () => (before = await discover(settings, fetch, before).catch(faultOf)),
    isAway: (error) => error instanceof UpstreamError && error.fault === 'away',
    clock,
  })

  const begin = async ({ again = false, max_age = null }: BeginOptions = {}) => {
    // No browser is sent to where nobody was seen of late.
    const { config } = await metadata.getRecent()
    const attempt = {
      state: openid.randomState(),
      nonce: openid.randomNonce(),
      code_verifier: openid.randomPKCECodeVerifier(),
    }
    const { state, nonce, code_verifier } = attempt
    const parameters = {
      ...{ redirect_uri, scope: settings.scope, state, nonce },
      code_challenge: await openid.calculatePKCECodeChallenge(code_verifier),
      code_challenge_method: 'S256',
      ...(again && { prompt: 'login' }),
      ...(max_age !== null && { max_age: String(max_age) }),
    }
    return { url: addressOf(() => openid.buildAuthorizationUrl(config, parameters)), attempt }
  }

  const finish = async (query: string, attempt: Attempt): Promise<Arrived> => {
    const { config, keys } = await metadata.get()
    const callback = new URL(`${redirect_uri}?${query}`)
    try {
      const tokens = await openid.authorizationCodeGrant(config, callback, {
        expectedState: attempt.state,
        expectedNonce: attempt.nonce,
        pkceCodeVerifier: attempt.code_verifier,
        idTokenExpected: true,
      })
      const claims = await verified(tokens.id_token ?? '', settings, keys)
      const arrival = { issuer: settings.issuer, sub: claims.sub, claims }
      return { ...arrival, age: ageIn(claims), withProfile: () => withProfile(config, tokens.access_token, arrival) }
    } catch (error) {
      // Keys or endpoints may have moved: the next login looks again.
      before = undefined
      metadata.expire()
      return faultOf(error)
    }
  }

  return { settings, begin, finish, endSessionUrl: (uri) => endSessionUrl(metadata.getRecent, uri) }
}

/** Its metadata now; keys that were there before are kept while they stand at the same address. */
async function discover(settings: ProviderSettings, fetch: BoundedFetch, before?: Ready): Promise<Ready> {
  const config = await openid.discovery(new URL(settings.issuer), settings.client_id, metadataOf(), authOf(settings), {
    [openid.customFetch]: fetch,
    timeout: BOUNDS.timeoutMs / 1000,
    // `fetch` refuses plain HTTP but for this machine.
    execute: settings.issuer.startsWith('http:') ? [openid.allowInsecureRequests] : [],
  })
  const { issuer, jwks_uri } = config.serverMetadata()
  // People are known by the issuer as it is set: a slash more would make strangers of them.
  if (issuer !== settings.issuer) throw new UpstreamError('strange', 'the issuer is spelled otherwise in its metadata')
  if (jwks_uri === undefined || !URL.canParse(jwks_uri)) throw new UpstreamError('strange', 'the metadata has no keys')
  if (before?.config.serverMetadata().jwks_uri === jwks_uri) return { config, keys: before.keys }
  const keys = createRemoteJWKSet(new URL(jwks_uri), {
    [joseFetch]: fetch,
    timeoutDuration: BOUNDS.timeoutMs,
    // Tokens come from the provider alone, so nobody else can make us ask for its keys.
    cooldownDuration: 0,
  })
  return { config, keys }
}

function metadataOf(): Partial<openid.ClientMetadata> {
  return { [openid.clockTolerance]: CLOCK_TOLERANCE }
}

function authOf({ client_secret, token_endpoint_auth_method: method }: ProviderSettings): openid.ClientAuth {
  if (client_secret === undefined) return openid.None()
  return method === 'client_secret_post'
    ? openid.ClientSecretPost(client_secret)
    : openid.ClientSecretBasic(client_secret)
}

/** The claims of an ID token (OpenID Connect Core §3.1.3.7). openid-client has judged the nonce, and when it ends. */
async function verified(
  id_token: string,
  { issuer, client_id }: ProviderSettings,
  keys: Ready['keys'],
): Promise<JWTPayload & { sub: string }> {
  const { payload } = await jwtVerify(id_token, keys, {
    issuer,
    audience: client_id,
    algorithms: ALGORITHMS,
    clockTolerance: CLOCK_TOLERANCE,
    requiredClaims: ['exp', 'iat', 'sub', 'nonce'],
  })
  const { sub, azp } = payload
  if (typeof sub !== 'string' || sub === '' || sub.length > 255) throw new errors.JWTInvalid('the sub is no name')
  if (azp !== undefined && azp !== client_id) throw new errors.JWTInvalid('the ID token was made for another client')
  return { ...payload, sub }
}

/** OpenID Connect Core §2: both are the provider's, so that it does not matter how wrong its clock is. */
function ageIn({ auth_time, iat }: JWTPayload): number | null {
  if (auth_time === undefined) return null
  if (typeof auth_time !== 'number' || iat === undefined) throw new errors.JWTInvalid('the auth_time is no time')
  return Math.max(0, iat - auth_time)
}

async function withProfile(config: openid.Configuration, access_token: string, arrival: Arrival): Promise<Arrival> {
  if (config.serverMetadata().userinfo_endpoint === undefined) return arrival
  const profile = await openid.fetchUserInfo(config, access_token, arrival.sub).catch(faultOf)
  return { ...arrival, claims: { ...profile, ...arrival.claims } }
}

/** An address that we send the browser to. */
function addressOf(make: () => URL): string {
  try {
    const { href } = make()
    if (!isSafeUrl(href)) throw new UpstreamError('strange', 'an address of the provider is not https:')
    return href
  } catch (error) {
    return faultOf(error)
  }
}

async function endSessionUrl(ready: () => Promise<Ready>, post_logout_redirect_uri: string): Promise<string | null> {
  try {
    const { config } = await ready()
    if (config.serverMetadata().end_session_endpoint === undefined) return null
    return addressOf(() => openid.buildEndSessionUrl(config, { post_logout_redirect_uri }))
  } catch (error) {
    if (error instanceof UpstreamError) return null
    throw error
  }
}
