import { createLocalJWKSet, decodeJwt, errors, jwtVerify, type JWTPayload, type JWTVerifyOptions } from 'jose'
import type { Knex } from 'knex'
import { createUseAssertion, type UseAssertion } from '../accounts/used-assertions.ts'
import { OAuthError } from '../http/oauth-error.ts'
import type { Client, JwkSet } from '../ledger/client.ts'

/** `request`: what the assertion was sent with, itself included; the same again is a retry. */
export type Asserted = {
  client_id: string
  client_secret: null
  method: 'private_key_jwt'
  client_assertion: string
  request: string
}

/** The only type of assertion that proves a client here (RFC 7523 §2.2). */
export const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

/** Algorithms that a client may sign with: those of the keys that it may be registered with. */
export const ASSERTION_ALGORITHMS = [
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
  ...['PS256', 'PS384', 'PS512', 'RS256', 'RS384', 'RS512'],
]

/** Seconds that an assertion may be good for, from now. */
const MOST_S = 3600

/** Seconds by which a client's clock may be ahead: `iat` and `nbf` may be later than now by as much. */
const AHEAD_S = 30

/** What an assertion must be made for, and where it is noted that it was used. */
export type Assertions = { audiences: string[]; use: UseAssertion }

/** What assertions are proved with at this issuer: they are for it, or for its token endpoint, at every endpoint. */
export function createAssertions({ knex, issuer }: { knex: Knex; issuer: string }): Assertions {
  return { audiences: [issuer, `${issuer}/oauth2/token`], use: createUseAssertion(knex) }
}

/**
 * The client, once its assertion has proved it (RFC 7523 §3): signed with a key of its own, for this server, in time by
 * the database's clock (`now`, ms), and used for no other request. Otherwise OAuthError invalid_client, the same for
 * whatever is wrong; the log is told.
 */
export async function assertedClient(
  { audiences, use }: Assertions,
  { client_id, client_assertion, request }: Asserted,
  { client, now }: { client: Client | null; now: number },
): Promise<Client> {
  if (client?.client_id !== client_id || !client.enabled || client.token_endpoint_auth_method !== 'private_key_jwt')
    throw failed()
  const {
    jti,
    exp,
    iat = 0,
  } = await verified(client_assertion, client.jwks ?? { keys: [] }, {
    algorithms: ASSERTION_ALGORITHMS,
    issuer: client_id,
    subject: client_id,
    audience: audiences,
    requiredClaims: ['exp', 'jti'],
    currentDate: new Date(now),
    clockTolerance: AHEAD_S,
  })
  if (typeof jti !== 'string' || jti === '' || exp === undefined) throw failed('assertion_jti')
  const seconds = now / 1000
  if (exp <= seconds) throw failed('assertion_exp')
  if (iat > seconds + AHEAD_S) throw failed('assertion_iat')
  // One whose clock is ahead, and that takes an hour from it, is in the right.
  if (exp > Math.max(seconds, iat) + MOST_S) throw failed('assertion_exp')
  if (!(await use({ client_id, jti, exp, request }))) throw failed('assertion_reused')
  return client
}

/** Whom the assertion says it is of, as yet unproved; `null`: nobody that there could be. */
export function assertedSubject(client_assertion: string): string | null {
  try {
    const { sub } = decodeJwt(client_assertion)
    return typeof sub === 'string' && /^[\x20-\x7e]+$/.test(sub) ? sub : null
  } catch {
    return null
  }
}

async function verified(assertion: string, jwks: JwkSet, options: JWTVerifyOptions): Promise<JWTPayload> {
  try {
    const { payload } = await jwtVerify(
      assertion,
      createLocalJWKSet({ keys: jwks.keys.map(withoutUndefined) }),
      options,
    )
    return payload
  } catch (error) {
    if (error instanceof errors.JWKSMultipleMatchingKeys) return byOneOf(assertion, error, options)
    throw failed(reasonOf(error), error)
  }
}

function withoutUndefined({ kid, ...jwk }: JwkSet['keys'][number]) {
  return { ...jwk, ...(kid !== undefined && { kid }) }
}

/** Without a `kid` any of its keys may be the one. */
async function byOneOf(
  assertion: string,
  keys: errors.JWKSMultipleMatchingKeys,
  options: JWTVerifyOptions,
): Promise<JWTPayload> {
  for await (const key of keys) {
    try {
      return (await jwtVerify(assertion, key, options)).payload
    } catch (error) {
      if (!(error instanceof errors.JWSSignatureVerificationFailed)) throw failed(reasonOf(error), error)
    }
  }
  throw failed('assertion_signature')
}

/** A word for the log: the claim that is wrong, or what jose calls it. */
function reasonOf(error: unknown): string {
  if (error instanceof errors.JWTClaimValidationFailed || error instanceof errors.JWTExpired)
    return `assertion_${error.claim}`
  return error instanceof errors.JOSEError ? error.code.toLowerCase() : 'assertion_key'
}

function failed(reason?: string, cause?: unknown): OAuthError {
  return new OAuthError('invalid_client', 'client authentication failed', { ...(reason && { reason }), cause })
}
