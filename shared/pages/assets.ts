import { createHash } from 'node:crypto'
import { textOn } from '../appearance/colours.ts'
import type { Settings } from '../config/settings.ts'
import type { HttpContext, HttpRouter } from '../http/context.ts'
import { OAuthError } from '../http/oauth-error.ts'
import { stylesheet } from './stylesheet.ts'

/** A file that pages load. Its path names its content, so that a browser may keep it for ever. */
export type Asset = { path: string; hash: string; type: string; body: string | Buffer }

type Assets = { stylesheet: Asset; icon: Asset; logo?: Asset }

/** What the pages of these settings load. */
export function assetsOf({ PAGES_ACCENT: light, PAGES_ACCENT_DARK, PAGES_LOGO: logo }: Settings): Assets {
  const dark = PAGES_ACCENT_DARK ?? light
  return {
    stylesheet: assetOf('style', 'css', 'text/css', stylesheet({ light, dark })),
    icon: assetOf('icon', 'svg', 'image/svg+xml', icon(light)),
    ...(logo && { logo: assetOf('logo', logo.extension, logo.type, logo.bytes) }),
  }
}

const FOLDER = '/pages/'

function assetOf(name: string, extension: string, type: string, body: string | Buffer): Asset {
  const hash = createHash('sha256').update(body).digest('base64url').slice(0, 16)
  return { path: `${FOLDER}${name}.${hash}.${extension}`, hash, type, body }
}

/** GET /pages/NAME.HASH.EXTENSION. */
export function assetRoutes(router: HttpRouter, assets: readonly Asset[]): void {
  const byName = new Map(assets.map((asset) => [nameOf(asset.path), asset]))
  router.get(`${FOLDER}:file`, (ctx: HttpContext) => {
    const asset = byName.get(nameOf(ctx.path))
    if (!asset) throw new OAuthError('not_found', 'there is nothing at this path')
    // While releases change behind one address, a page of the one may load from the other: better than nothing.
    if (ctx.path === asset.path) keepForEver(ctx)
    // A picture is no document: opened by itself, whatever stands in it cannot run or load anything.
    ctx.set('Content-Security-Policy', "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'")
    ctx.type = asset.type
    ctx.body = asset.body
  })
}

function keepForEver(ctx: HttpContext): void {
  ctx.remove('Pragma')
  ctx.set('Cache-Control', 'public, max-age=31536000, immutable')
}

/** Its path without the hash. */
function nameOf(path: string): string {
  return path.replace(/\.[\w-]{16}\./, '.')
}

/** Stands in the browser's tab where there is no better one. */
function icon(accent: string): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="${accent}"/><path d="M9 10h14M9 16h14M9 22h8" stroke="${textOn(accent)}" stroke-width="3" stroke-linecap="round"/></svg>`
}
