import { type ClientCredentials, readClientCredentials } from '../../shared/callers/client-credentials.ts'
import type { HttpContext, HttpMiddleware } from '../../shared/http/context.ts'
import { type Form, readForm, required } from '../../shared/http/input/form-body.ts'
import { OAuthError } from '../../shared/http/oauth-error.ts'
import type { GrantType } from '../../shared/ledger/grant/commands/issue.ts'
import type { TokenResponse } from '../../shared/tokens/token-response.ts'
import type { TokenEndpoint } from './endpoint.ts'
import { createAuthorizationCodeGrant } from './grant-types/authorization-code.ts'
import { createClientCredentialsGrant } from './grant-types/client-credentials.ts'
import { createPasswordGrant } from './grant-types/password.ts'
import { createRefreshTokenGrant } from './grant-types/refresh-token.ts'

export type GrantHandler = (ctx: HttpContext, form: Form, credentials: ClientCredentials) => Promise<TokenResponse>

/** A handler for each grant_type that this endpoint offers. */
export type Grants = Record<GrantType, GrantHandler>

/** Builds the grants once, so that every path that offers one shares its requests in flight. */
export function createGrants(endpoint: TokenEndpoint): Grants {
  return {
    refresh_token: createRefreshTokenGrant(endpoint),
    client_credentials: createClientCredentialsGrant(endpoint),
    authorization_code: createAuthorizationCodeGrant(endpoint),
    password: createPasswordGrant(endpoint),
  }
}

/** POST /oauth2/token (RFC 6749 §3.2), for the grant types given. */
export function token(grants: Partial<Grants>): HttpMiddleware {
  const offered = new Map<string, GrantHandler>(Object.entries(grants))
  return async (ctx) => {
    const form = await readForm(ctx)
    const grant_type = required(form, 'grant_type')
    const grant = offered.get(grant_type)
    if (!grant) throw new OAuthError('unsupported_grant_type', `offered here: ${[...offered.keys()].join(', ')}`)
    const credentials = readClientCredentials(ctx.get('authorization'), form, ctx.path)
    ctx.body = await grant(ctx, form, credentials)
  }
}
