import type { HttpContext } from '../http/context.ts'
import { isRandomId, randomId } from '../tokens/random-id.ts'

/**
 * Our two cookies. `browser` is there before anybody logged in and stays the same through a login, so that a second tab
 * still finds what its form belongs to; `session` is new at each login.
 */
export type CookieName = 'browser' | 'session'

export type Cookies = {
  /** The id that the request brought; `null` where it brought none, or what is none. */
  read(ctx: HttpContext, name: CookieName): string | null
  /** Sets a new id and answers it. It ends with the browser, or after `maxAge` seconds. */
  renew(ctx: HttpContext, name: CookieName, maxAge?: number): string
  clear(ctx: HttpContext, name: CookieName): void
}

/**
 * Cookies that no script reads, that come with no form of another site, and that no other host can set (`__Host-`, RFC
 * 6265bis §4.1.3.2). `secure` = people come over HTTPS; without it, in dev mode, the names are plain.
 */
export function createCookies({ secure }: { secure: boolean }): Cookies {
  const named = (name: CookieName) => `${secure ? '__Host-' : ''}ledger-${name}`
  const attributes = `Path=/; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`

  // Koa's own refuses `Secure` behind a proxy that ends TLS.
  const set = (ctx: HttpContext, name: CookieName, value: string, maxAge?: number) =>
    ctx.append(
      'Set-Cookie',
      `${named(name)}=${value}; ${attributes}${maxAge === undefined ? '' : `; Max-Age=${maxAge}`}`,
    )

  return {
    read: (ctx, name) => {
      const value = ctx.cookies.get(named(name), { signed: false })
      return value !== undefined && isRandomId(value) ? value : null
    },
    renew: (ctx, name, maxAge) => {
      const id = randomId()
      set(ctx, name, id, maxAge)
      return id
    },
    clear: (ctx, name) => set(ctx, name, '', 0),
  }
}
