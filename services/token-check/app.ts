import type { HttpRouter } from '../../shared/http/create-app.ts'
import { check } from './check.ts'
import { introspect } from './introspect.ts'
import type { TokenCheck } from './token-check.ts'

/** The routes of the token-check API. */
export function tokenCheckRoutes(router: HttpRouter, tokenCheck: TokenCheck): void {
  router.post('/oauth2/introspect', introspect(tokenCheck))
  router.post('/check', check(tokenCheck))
}
