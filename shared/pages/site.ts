import type { Settings } from '../config/settings.ts'
import { ENGLISH } from '../appearance/english.ts'
import type { Texts } from '../appearance/texts.ts'
import { type Asset, assetsOf } from './assets.ts'

/** What all pages of a process have in common: every component that shows a text is given it. */
export type Site = {
  texts: Texts
  title: string
  heading: string | undefined
  footer: string | undefined
  /** Where the browser finds what a page loads. */
  stylesheet: string
  icon: string
  logo: string | undefined
}

/** The pages as the settings have them, and what they load: mount that by `assetRoutes`. */
export function createSite(settings: Settings): { site: Site; assets: readonly Asset[] } {
  const assets = assetsOf(settings)
  // A proxy may have put us below a path, which is in the issuer.
  const base = new URL(settings.ISSUER).pathname.replace(/\/$/, '')
  const href = ({ path }: Asset) => `${base}${path}`
  return {
    site: {
      texts: settings.PAGES_TEXTS ?? ENGLISH,
      title: settings.PAGES_TITLE,
      heading: settings.PAGES_HEADING,
      footer: settings.PAGES_FOOTER,
      stylesheet: href(assets.stylesheet),
      icon: href(assets.icon),
      logo: assets.logo && href(assets.logo),
    },
    assets: Object.values(assets),
  }
}
