import type { HttpMiddleware, HttpRouter } from '../../shared/http/context.ts'
import { pubOauthPaths } from '../../shared/http/pub-oauth-paths.ts'
import { type Grants, token } from './token.ts'

/**
 * The service names of webMethods Integration Server, `/invoke/pub.oauth/NAME` and `/invoke/pub.oauth:NAME`: the same
 * middleware as the standard paths, so the same rules and errors.
 */
export function pubOauthRoutes(router: HttpRouter, grants: Grants, within: HttpMiddleware): void {
  const services: Record<string, HttpMiddleware> = {
    refreshAccessToken: token({ refresh_token: grants.refresh_token }),
  }
  for (const [name, service] of Object.entries(services)) {
    router.post(pubOauthPaths(name), within, service)
  }
}
