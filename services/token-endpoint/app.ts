import { answerWithin } from '../../shared/http/answer-within.ts'
import type { HttpRouter } from '../../shared/http/context.ts'
import { metadataPath } from '../../shared/http/issuer-paths.ts'
import { mountPubOauth } from '../../shared/http/pub-oauth-paths.ts'
import type { TokenEndpoint } from './endpoint.ts'
import { type About, metadata } from './metadata.ts'
import { revoke } from './revoke.ts'
import { createGrants, token } from './token.ts'

/** What a public client in a browser needs, and nothing that is for servers. */
export function crossOriginPaths(issuer: string): string[] {
  return ['/oauth2/token', '/oauth2/revoke', metadataPath(issuer)]
}

/** The routes of the token endpoint, and their names in webMethods Integration Server. */
export function tokenEndpointRoutes(router: HttpRouter, endpoint: TokenEndpoint, about: About): void {
  const grants = createGrants(endpoint)
  const { refresh_token, ...others } = grants
  const within = answerWithin(endpoint.timeoutMs)
  router.post('/oauth2/token', within, token(grants))
  router.post('/oauth2/revoke', within, revoke(endpoint))
  router.get(metadataPath(about.issuer), metadata(about, Object.keys(grants)))
  const services = {
    getToken: token(grants),
    getAccessToken: token(others),
    refreshAccessToken: token({ refresh_token }),
    revokeToken: revoke(endpoint),
  }
  mountPubOauth(router, services, { within, requirePost: endpoint.requirePost })
}
