// A colon in a path may be sent encoded (RFC 3986 §2.2), and some clients do; `\\:` is one that begins no parameter.
const SEPARATORS = ['/', '\\:', '%3A', '%3a']

/** The paths of a service under its name in webMethods Integration Server: `/invoke/pub.oauth/NAME` and `…:NAME`. */
export function pubOauthPaths(name: string): string[] {
  return SEPARATORS.map((separator) => `/invoke/pub.oauth${separator}${name}`)
}
