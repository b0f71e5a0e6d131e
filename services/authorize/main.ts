import type { HttpRouter } from '../../shared/http/context.ts'
import { createCookies } from '../../shared/pages/cookies.ts'
import { createSite } from '../../shared/pages/site.ts'
import { limitsOf, provingUsersOf, type Runtime } from '../../shared/process/runtime.ts'
import { createConsentReader } from '../../shared/read-model/lists/consents.ts'
import { createNotify } from '../../shared/accounts/sessions/notify.ts'
import { createGrantPageReader } from '../../shared/read-model/lists/grant-page.ts'
import { createLoginReader } from '../../shared/read-model/passwords/read-login.ts'
import { createTokenReader } from '../../shared/read-model/reads/tokens.ts'
import { authorizeRoutes } from './app.ts'
import type { Authorize } from './authorize.ts'
import { pathsOf } from './paths.ts'
import { sessionsOf } from './sessions.ts'
import { upstreamOf } from './upstream/upstream.ts'

/** Wires login and consent to a runtime and mounts their routes. */
export function mountAuthorize(runtime: Runtime, router: HttpRouter): void {
  authorizeRoutes(router, authorizeOf(runtime))
}

function authorizeOf(runtime: Runtime): Authorize {
  const { settings, commit, people } = runtime
  const patience = { patienceMs: settings.APPEND_TIMEOUT * 1000 }
  const { ISSUER: issuer } = settings
  const proving = provingUsersOf(runtime)
  const { passwords } = proving
  const cookies = createCookies({ secure: issuer.startsWith('https:') })
  return {
    ...proving,
    ...{ issuer, people, commit },
    read: createTokenReader(runtime, patience),
    readLogin: createLoginReader(runtime, patience),
    readConsents: createConsentReader(runtime, patience),
    grantPage: createGrantPageReader(runtime),
    registry: passwords.registry,
    notify: createNotify(settings),
    limits: limitsOf(runtime),
    cookies,
    ...sessionsOf(runtime, proving, cookies),
    site: createSite(settings).site,
    paths: pathsOf(issuer),
    pkce: { isRequired: settings.REQUIRE_PKCE, isPlainAllowed: settings.ALLOW_PLAIN_PKCE },
    login_url: settings.LOGIN_URL ?? null,
    takesPasswords: settings.LOGIN_WITH_PASSWORD,
    upstream: upstreamOf(runtime, passwords),
    logout_url: settings.LOGOUT_URL ?? null,
    code_lifetime: settings.AUTHORIZATION_CODE_LIFETIME,
  }
}
