import { answerWithin } from '../../shared/http/answer-within.ts'
import type { HttpRouter } from '../../shared/http/context.ts'
import type { TokenEndpoint } from './endpoint.ts'
import { type About, metadata, metadataPath } from './metadata.ts'
import { pubOauthRoutes } from './pub-oauth.ts'
import { revoke } from './revoke.ts'
import { createGrants, token } from './token.ts'

/** The routes of the token endpoint. */
export function tokenEndpointRoutes(router: HttpRouter, endpoint: TokenEndpoint, about: About): void {
  const grants = createGrants(endpoint)
  const within = answerWithin(endpoint.timeoutMs)
  router.post('/oauth2/token', within, token(grants))
  router.post('/oauth2/revoke', within, revoke(endpoint))
  router.get(metadataPath(about.issuer), metadata(about, Object.keys(grants)))
  pubOauthRoutes(router, grants, within)
}
