// RFC 3986 §2: what a URI is written with. A browser takes a backslash for a slash, and drops tabs and line ends.
const URI_CHARACTERS = /^(?:[\w\-.~:/?#[\]@!$&'()*+,;=]|%[\da-f]{2})+$/i
const CONTROL_CHARACTER = /%(?:[01][\da-f]|7f)/i
const SCHEME = /^([a-z][a-z\d+.-]*):/i
const AUTHORITY = /^[^:]+:\/\/([^/?]*)/
const LOOPBACK = /^(http:\/\/(?:127\.0\.0\.1|\[::1\]|localhost))(?::(\d{1,5}))?((?:[/?].*)?)$/
const MAX_LENGTH = 2_000
const MAX_PORT = 65_535

/**
 * Why codes are not sent to this redirect URI, to follow "redirect_uri"; `null` = they may be. https, http on this
 * machine (RFC 8252 §7.3), or an app's own scheme, which has a dot (§7.1); judged as a browser would read it.
 */
export function redirectUriProblem(uri: string): string | null {
  if (uri.length > MAX_LENGTH) return `must have at most ${MAX_LENGTH} characters`
  if (!URI_CHARACTERS.test(uri) || CONTROL_CHARACTER.test(uri)) return 'has a character that a redirect URI cannot have'
  if (uri.includes('#')) return 'must not have a fragment'
  if (uri.includes('*')) return 'must not have a wildcard: it is compared as it stands'
  const scheme = SCHEME.exec(uri)?.[1]?.toLowerCase()
  if (scheme === undefined || !URL.canParse(uri)) return 'must be an absolute URI'
  if (AUTHORITY.exec(uri)?.[1]?.includes('@')) return 'must not have user information'
  if (scheme === 'http' || scheme === 'https') return webProblem(uri, scheme)
  return scheme.includes('.') ? null : 'must use https, http on a loopback address, or a scheme of the app with a dot'
}

function webProblem(uri: string, scheme: 'http' | 'https'): string | null {
  if (!AUTHORITY.exec(uri)?.[1]) return 'must be an absolute URI with a host'
  if (scheme === 'http' && !isLoopback(uri)) return 'must use https, but for 127.0.0.1, [::1] and localhost'
  const path = uri.replace(AUTHORITY, '').split('?', 1)[0]
  return new URL(uri).pathname === (path || '/') ? null : 'must not have . or .. in its path'
}

function isLoopback(uri: string): boolean {
  return loopbackOf(uri) !== null
}

/** A loopback URI without its port; which of the three hosts it names makes a difference. */
function loopbackOf(uri: string): string | null {
  const [, origin, port, rest] = LOOPBACK.exec(uri) ?? []
  return origin === undefined || Number(port ?? 0) > MAX_PORT ? null : `${origin}${rest}`
}

/**
 * Whether a request may name this redirect URI where the other is registered: exactly, but that an app on the user's
 * own machine may listen on any port (RFC 9700 §2.1, RFC 8252 §7.3).
 */
export function matchesRedirectUri(registered: string, asked: string): boolean {
  if (registered === asked) return true
  const loopback = loopbackOf(registered)
  return loopback !== null && loopback === loopbackOf(asked)
}

/**
 * Why a request for a code may not name this redirect URI, to follow "redirect_uri"; `null` = it may. Omitted (`asked:
 * null`) where exactly one is registered, it is that one (RFC 6749 §3.1.2.3).
 */
export function askedRedirectUriProblem(registered: readonly string[], asked: string | null): string | null {
  if (registered.length === 0) return 'must be registered for the client, which has none'
  if (asked === null && registered.length > 1) return 'is required: the client has registered more than one'
  const uri = asked ?? registered[0] ?? ''
  if (!registered.some((one) => matchesRedirectUri(one, uri))) return 'is not registered for the client'
  return redirectUriProblem(uri)
}
