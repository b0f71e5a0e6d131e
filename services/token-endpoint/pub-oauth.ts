import type { HttpMiddleware, HttpRouter } from '../../shared/http/context.ts'
import { type Grants, token } from './token.ts'

// A colon in a path may be sent encoded (RFC 3986 §2.2), and some clients do; `\\:` is one that begins no parameter.
const SEPARATORS = ['/', '\\:', '%3A', '%3a']

/**
 * The service names of webMethods Integration Server, `/invoke/pub.oauth/NAME` and `/invoke/pub.oauth:NAME`: the same
 * middleware as the standard paths, so the same rules and errors.
 */
export function pubOauthRoutes(router: HttpRouter, grants: Grants, within: HttpMiddleware): void {
  const services: Record<string, HttpMiddleware> = {
    refreshAccessToken: token({ refresh_token: grants.refresh_token }),
  }
  for (const [name, service] of Object.entries(services)) {
    for (const separator of SEPARATORS) router.post(`/invoke/pub.oauth${separator}${name}`, within, service)
  }
}
