import { knownError } from '../../../shared/process/known-errors.ts'
import { createHttpApp } from '../../../shared/http/app/create-app.ts'
import { listen } from '../../../shared/http/listen.ts'
import { assetRoutes } from '../../../shared/pages/assets.ts'
import { errorPageOf } from '../../../shared/pages/error-page.tsx'
import { createSite } from '../../../shared/pages/site.ts'
import type { Serving } from '../compose/serve.ts'
import { grantOf } from '../oauth-client/grant-of.ts'
import { applicationRoutes } from './application/application.tsx'
import type { Arrived } from './application/pages.tsx'
import { DEMO_LOGIN } from './demo-login.ts'
import type { DemoSecrets } from './dev-secrets.ts'
import { DEMO_GRANT, here } from './tour.ts'

const HOST = '127.0.0.1'
/** One that she may use, and one that she may not. */
const RESOURCES = ['orders:list', 'orders.internal:approve']

/** Serves the demo's application on a port of loopback while the dev server runs, and answers where. */
export async function serveDemoApplication(
  { runtime: { settings, logger }, publicUrl, lifecycle }: Serving,
  secrets: DemoSecrets,
  password: string | undefined,
): Promise<string> {
  const own = { ...settings, PAGES_TITLE: DEMO_LOGIN.client_name, PAGES_HEADING: undefined }
  const { site, assets } = createSite({ ...own, ISSUER: `http://${HOST}` })
  const reach = { logger, known: knownError, requireHttps: false, trustedProxies: [] }
  const { app, router } = createHttpApp({ for: 'people', errorPage: errorPageOf(site), ...reach })
  const { url, close } = await listen(app, { host: HOST, port: 0 })
  lifecycle.onStop('demo application', () => close(0))
  assetRoutes(router, assets)
  applicationRoutes(router, {
    ...{ site, issuer: settings.ISSUER, client_id: DEMO_LOGIN.client_id, scope: DEMO_GRANT.scope },
    login: { username: DEMO_LOGIN.username, password },
    account: `${settings.ISSUER}/account`,
    url,
    look: async ({ access_token, refresh_token, scope = '' }) => ({
      ...{ access_token, refresh_token, scope },
      checks: await Promise.all(RESOURCES.map((resource) => check(publicUrl ?? '', secrets, access_token, resource))),
      command: `${here(settings.DATA_DIR)} audit show --grant ${grantOf(access_token)}`,
    }),
  })
  return url
}

/** What the demo's resource server is told of a token. */
async function check(
  url: string,
  secrets: DemoSecrets,
  token: string,
  resource: string,
): Promise<Arrived['checks'][number]> {
  const response = await fetch(`${url}/check`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(`demo-orders:${secrets['demo-orders']}`).toString('base64')}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ token, resource }),
  })
  const told = (await response.json()) as { allowed?: boolean; reason?: string; error_description?: string }
  return { resource, allowed: told.allowed === true, reason: told.reason ?? told.error_description ?? '' }
}
