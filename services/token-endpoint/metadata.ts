import { ASSERTION_ALGORITHMS } from '../../shared/callers/client-assertion.ts'
import type { HttpMiddleware } from '../../shared/http/context.ts'

/** `documentation`: URL of a page for developers. `isPlainAllowed`: PKCE by `plain` as well. */
export type About = { issuer: string; documentation?: string | undefined; isPlainAllowed: boolean }

/** Authorization server metadata (RFC 8414 §2). Lists what works here and nothing else. */
export function metadata({ issuer, documentation, isPlainAllowed }: About, grantTypes: string[]): HttpMiddleware {
  const at = (path: string) => `${issuer}${path}`
  // Some clients take the first method listed.
  const methods = ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none']
  const body = {
    issuer,
    authorization_endpoint: at('/oauth2/auth'),
    token_endpoint: at('/oauth2/token'),
    revocation_endpoint: at('/oauth2/revoke'),
    introspection_endpoint: at('/oauth2/introspect'),
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: grantTypes,
    code_challenge_methods_supported: isPlainAllowed ? ['S256', 'plain'] : ['S256'],
    // RFC 9207 §3.
    authorization_response_iss_parameter_supported: true,
    // Initiating User Registration via OpenID Connect 1.0 §4.
    prompt_values_supported: ['none', 'login', 'consent', 'select_account'],
    token_endpoint_auth_methods_supported: methods,
    token_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS,
    revocation_endpoint_auth_methods_supported: methods,
    revocation_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS,
    introspection_endpoint_auth_methods_supported: methods.filter((method) => method !== 'none'),
    introspection_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS,
    ...(documentation !== undefined && { service_documentation: documentation }),
  }
  return (ctx) => {
    ctx.body = body
  }
}
