import type { ExecutionContext } from 'ava'
import type { VNode } from 'preact'
import { loadSettings } from '../../../shared/config/load-settings.ts'
import { createHttpApp } from '../../../shared/http/app/create-app.ts'
import { readForm } from '../../../shared/http/input/form-body.ts'
import { listen } from '../../../shared/http/listen.ts'
import { answerPage, seeOther } from '../../../shared/pages/answer-page.ts'
import { assetRoutes } from '../../../shared/pages/assets.ts'
import { errorPageOf } from '../../../shared/pages/error-page.tsx'
import { createSite, type Site } from '../../../shared/pages/site.ts'
import { keptLogger } from '../../support/kept-logs.ts'

/** An application of these pages, at `/NAME` each. What a form posts is in `posted`, and goes on to `/logged-out`. */
export async function serveGallery(
  t: ExecutionContext,
  pages: (site: Site) => Record<string, VNode>,
  env: Record<string, string> = {},
) {
  const { site, assets } = createSite(loadSettings(env))
  const { app, router } = createHttpApp({
    for: 'people',
    errorPage: errorPageOf(site),
    known: () => null,
    logger: keptLogger('gallery'),
    requireHttps: false,
    trustedProxies: [],
  })
  const all = pages(site)
  const posted: Record<string, string>[] = []
  assetRoutes(router, assets)
  router.get('/:name', (ctx, next) => {
    const page = all[ctx.params['name'] ?? '']
    return page ? answerPage(ctx, page) : next()
  })
  router.post('/:name', async (ctx) => {
    posted.push({ ...(await readForm(ctx)) })
    seeOther(ctx, '/logged-out')
  })
  const { url, close } = await listen(app, { host: '127.0.0.1', port: 0 })
  t.teardown(() => close(0))
  return { url, names: Object.keys(all), posted, site }
}
