// scope-token = 1*( %x21 / %x23-5B / %x5D-7E ), RFC 6749 §3.3
const SCOPE_TOKEN = /^[\x21\x23-\x5b\x5d-\x7e]+$/

/** The distinct tokens of a scope string in their order; `null` if it is not one (RFC 6749 §3.3). `''` = no tokens. */
export function parseScope(scope: string): string[] | null {
  if (scope === '') return []
  const tokens = scope.split(' ')
  return tokens.every((token) => SCOPE_TOKEN.test(token)) ? [...new Set(tokens)] : null
}

/** The scope string of these tokens, each once. */
export function formatScope(tokens: readonly string[]): string {
  return [...new Set(tokens)].join(' ')
}

/** Whether every token of scope string `inner` is in `outer`; false if either is malformed. */
export function isSubsetScope(inner: string, outer: string): boolean {
  if (inner === outer) return parseScope(inner) !== null
  const allowed = parseScope(outer)
  const asked = parseScope(inner)
  return allowed !== null && asked !== null && asked.every((token) => allowed.includes(token))
}

/**
 * The scope that a request gets out of what it may have: all of it if it asked for nothing (an empty parameter counts
 * as omitted, RFC 6749 §3.2), what it asked for if that is not more; `null` = `invalid_scope`.
 */
export function grantedScope(asked: string | null, available: string): string | null {
  if (asked === null || asked === '') return available
  const tokens = parseScope(asked)
  return tokens !== null && isSubsetScope(asked, available) ? formatScope(tokens) : null
}
