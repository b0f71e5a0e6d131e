/** @jsxRuntime automatic @jsxImportSource preact */
import { LRUCache } from 'lru-cache'
import type { HttpContext, HttpRouter } from '../../../../shared/http/context.ts'
import { answerPage, seeOther } from '../../../../shared/pages/answer-page.ts'
import type { Site } from '../../../../shared/pages/site.ts'
import { begin, type Begun, discover, finish, refusalIn, type Tokens } from '../../oauth-client/authorization-code.ts'
import { type Arrived, FailedPage, type LoginOf, StartPage, TokensPage } from './pages.tsx'

export type ApplicationOptions = {
  site: Site
  issuer: string
  client_id: string
  scope: string
  /** Whose name and password the start page tells. */
  login: LoginOf
  /** Where a person ends the access of applications. */
  account: string
  /** Where browsers find this application. */
  url: string
  look: (tokens: Tokens) => Promise<Arrived>
}

/** Names the login that this browser began: the state of its request. */
const COOKIE = 'demo-login'
/** Logins that are begun or done at the same time. */
const MOST = 100

/** A public client that a person logs in to (RFC 8252), for a walk through a login. Nothing of it is kept. */
export function applicationRoutes(router: HttpRouter, options: ApplicationOptions): void {
  const { site, login, account } = options
  const done = new LRUCache<string, Arrived>({ max: MOST })
  const { leave, comeBack } = createLogins(options, done)
  router.get('/', (ctx) => answerPage(ctx, <StartPage site={site} {...login} />))
  router.get('/login', telling(site, leave))
  router.get('/callback', telling(site, comeBack))
  router.get('/tokens', (ctx) => {
    const arrived = done.get(stateOf(ctx))
    if (!arrived) return seeOther(ctx, '/')
    answerPage(ctx, <TokensPage site={site} arrived={arrived} account={account} />)
  })
}

function createLogins(options: ApplicationOptions, done: LRUCache<string, Arrived>) {
  const { site, issuer, client_id, scope, url, look } = options
  const begun = new LRUCache<string, Begun>({ max: MOST })
  const config = () => discover({ issuer, client_id })

  async function leave(ctx: HttpContext): Promise<void> {
    const one = await begin(await config(), `${url}/callback`, { scope })
    begun.set(one.state, one)
    ctx.append('Set-Cookie', `${COOKIE}=${one.state}; Path=/; HttpOnly; SameSite=Lax`)
    seeOther(ctx, one.url)
  }

  async function comeBack(ctx: HttpContext): Promise<void> {
    const state = stateOf(ctx)
    const one = begun.get(state)
    if (!one) return showFailed(ctx, site, 'This browser began no login here.')
    done.set(state, await look(await finish(await config(), new URL(ctx.url, url), one)))
    begun.delete(state)
    seeOther(ctx, '/tokens')
  }

  return { leave, comeBack }
}

function stateOf(ctx: HttpContext): string {
  return ctx.cookies.get(COOKIE, { signed: false }) ?? ''
}

function showFailed(ctx: HttpContext, site: Site, reason: string): void {
  answerPage(ctx, <FailedPage site={site} reason={reason} />, 400)
}

/** What the service refused, or that it was away, is told on a page. */
function telling(site: Site, handler: (ctx: HttpContext) => Promise<void>) {
  return async (ctx: HttpContext): Promise<void> => {
    await handler(ctx).catch((error: unknown) => {
      const refusal = refusalIn(error)
      if (!refusal) throw error
      showFailed(ctx, site, `${refusal.reason}.`)
    })
  }
}
