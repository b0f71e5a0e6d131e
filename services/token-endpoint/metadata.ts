import { ASSERTION_ALGORITHMS } from '../../shared/callers/client-assertion.ts'
import type { HttpMiddleware } from '../../shared/http/context.ts'

/** `documentation`: URL of a page for developers. */
export type About = { issuer: string; documentation?: string | undefined }

/** Authorization server metadata (RFC 8414 §2). Lists what works here and nothing else. */
export function metadata({ issuer, documentation }: About, grantTypes: string[]): HttpMiddleware {
  const at = (path: string) => `${issuer}${path}`
  // Some clients take the first method listed.
  const methods = ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none']
  const body = {
    issuer,
    token_endpoint: at('/oauth2/token'),
    revocation_endpoint: at('/oauth2/revoke'),
    introspection_endpoint: at('/oauth2/introspect'),
    // Required (RFC 8414 §2), and an empty array is not allowed (§3.2): no response comes from an authorization
    // endpoint here.
    response_types_supported: ['none'],
    // A client that reads authorization_code here looks for the endpoint where it begins, which is not there yet.
    grant_types_supported: grantTypes.filter((one) => one !== 'authorization_code'),
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
