const LOOPBACK = /^(127\.\d+\.\d+\.\d+|\[::1\]|localhost)$/

/** Whether requests may go there: HTTPS, or plain HTTP to this very machine. */
export function isSafeUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, hostname, username, password } = new URL(text)
  if (username !== '' || password !== '') return false
  return protocol === 'https:' || (protocol === 'http:' && LOOPBACK.test(hostname))
}

/** Why this cannot be the issuer of another server (OpenID Connect Discovery §3); `null`: it can. */
export function upstreamIssuerProblem(issuer: string): string | null {
  if (!URL.canParse(issuer)) return 'must be a URL'
  if (!isSafeUrl(issuer)) return 'must begin with https:, or http: and a loopback address, and have no user name'
  return /[?#]/.test(issuer) ? 'must have no query and no fragment' : null
}
