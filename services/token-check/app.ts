import { answerWithin } from '../../shared/http/answer-within.ts'
import type { HttpRouter } from '../../shared/http/context.ts'
import { mountPubOauth } from '../../shared/http/pub-oauth-paths.ts'
import { check } from './check.ts'
import { introspect } from './introspect.ts'
import type { TokenCheck } from './token-check.ts'

/** The routes of the token-check API; introspection has a name of webMethods Integration Server too. */
export function tokenCheckRoutes(router: HttpRouter, tokenCheck: TokenCheck): void {
  const within = answerWithin(tokenCheck.timeoutMs)
  router.post('/oauth2/introspect', within, introspect(tokenCheck))
  router.post('/check', within, check(tokenCheck))
  mountPubOauth(router, { introspectToken: introspect(tokenCheck) }, { within, requirePost: tokenCheck.requirePost })
}
