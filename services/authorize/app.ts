import { answerWithin } from '../../shared/http/answer-within.ts'
import type { HttpRouter } from '../../shared/http/context.ts'
import { getAlone, mountPubOauth } from '../../shared/http/pub-oauth-paths.ts'
import { LOGIN_RETURNS } from '../../shared/tokens/login-challenge.ts'
import { accountRoutes } from './account/routes.ts'
import type { Authorize } from './authorize.ts'
import { consent } from './consent/consent.ts'
import { loginReturned } from './external/login-application.ts'
import { login, loginForm } from './login/login.ts'
import { AUTHORIZATION, CONSENT, GO_ON, LOGIN, UPSTREAM_CALLBACK } from './paths.ts'
import { authorization, continuation } from './request/authorization.ts'
import { upstreamCallback } from './upstream/callback.ts'

/** The routes of login and consent, and the name of the authorization endpoint in webMethods Integration Server. */
export function authorizeRoutes(router: HttpRouter, authorize: Authorize): void {
  const within = answerWithin(authorize.timeoutMs)
  // No HEAD: a request that is remembered makes a code.
  getAlone(router, [AUTHORIZATION], [within, authorization(authorize)])
  getAlone(router, [GO_ON], [within, continuation(authorize)])
  getAlone(router, [LOGIN_RETURNS], [within, loginReturned(authorize)])
  const withProvider = answerWithin(authorize.timeoutMs + authorize.upstream.timeoutMs)
  getAlone(router, [UPSTREAM_CALLBACK], [withProvider, upstreamCallback(authorize)])
  getAlone(router, [LOGIN], [within, loginForm(authorize)])
  router.post(AUTHORIZATION, within, authorization(authorize))
  router.post(LOGIN, within, login(authorize))
  router.post(CONSENT, within, consent(authorize))
  accountRoutes(router, authorize)
  // Browsers come by GET, whatever LEDGER_REQUIRE_POST says of programs (RFC 6749 §3.1).
  mountPubOauth(router, { authorize: authorization(authorize) }, { within, requirePost: false })
}
