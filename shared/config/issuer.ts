/** Segments that neither a router, a proxy nor a client reads in another way. */
const PATH = /^(\/(?!\.\.?(\/|$))[\w.~-]+)*$/

/**
 * What keeps a text from being an issuer identifier (RFC 8414 §2), `null` if nothing does. Clients compare issuers
 * letter by letter, and some normalize them first, so each has one spelling only.
 */
export function issuerProblem(text: string): string | null {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return 'must be an http(s) URL'
  const { username, password, href, pathname } = new URL(text)
  if (/[?#]/.test(text)) return 'must have no query and no fragment (RFC 8414 section 2)'
  if (username || password || text.includes('@')) return 'must have no user in it'
  if (text.endsWith('/')) return 'must not end with a slash: clients compare it letter by letter'
  if (pathname !== '/' && !PATH.test(pathname)) return 'may have a path of letters, digits, ".", "_", "~" and "-" only'
  if (href.replace(/\/$/, '') === text) return null
  return 'must be spelled as URLs are normalized: scheme and host in small letters, without the usual port, "." and ".."'
}
