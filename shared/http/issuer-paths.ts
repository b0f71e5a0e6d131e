const METADATA = '/.well-known/oauth-authorization-server'

/** Where the metadata of this issuer stands: the well-known part goes before the issuer's own path (RFC 8414 §3.1). */
export function metadataPath(issuer: string): string {
  return `${METADATA}${pathOf(issuer)}`
}

/** The same as a URL. */
export function metadataUrl(issuer: string): string {
  return `${new URL(issuer).origin}${metadataPath(issuer)}`
}

/**
 * The URL of a request as the routes know it. They stand below the issuer's path, as the metadata says, and without it
 * for a proxy that takes it off; what is well-known has one place.
 */
export function belowIssuer(issuer: string, url: string): string {
  const path = pathOf(issuer)
  if (path === '' || !url.startsWith(`${path}/`)) return url
  const below = url.slice(path.length)
  return below.startsWith('/.well-known/') ? url : below
}

function pathOf(issuer: string): string {
  return new URL(issuer).pathname.replace(/\/$/, '')
}
