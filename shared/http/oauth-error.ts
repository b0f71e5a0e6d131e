/** RFC 6749 §5.2, RFC 6750 §3.1, RFC 7009 §2.2.1, RFC 7591 §3.2.2, and the few words of our own admin API. */
export type OAuthErrorCode =
  | 'invalid_request'
  | 'invalid_client'
  | 'invalid_grant'
  | 'invalid_scope'
  | 'unauthorized_client'
  | 'unsupported_grant_type'
  | 'unsupported_token_type'
  | 'access_denied'
  | 'login_required'
  | 'invalid_token'
  | 'insufficient_scope'
  | 'invalid_client_metadata'
  | 'unauthorized'
  | 'not_found'
  | 'conflict'
  | 'precondition_failed'
  | 'precondition_required'
  | 'temporarily_unavailable'
  | 'server_error'

export type OAuthErrorOptions = {
  /** Default: what the code implies, 400 for most. */
  status?: number
  /** Response headers. A code that implies 401 gets a WWW-Authenticate of its own unless one is given here. */
  headers?: Record<string, string>
  /** For the log only: what really happened. */
  reason?: string
  /** For the log only: this answer is an alarm of this name, somebody has to look. */
  alarm?: string | undefined
  cause?: unknown
}

const STATUS: Partial<Record<OAuthErrorCode, number>> = {
  invalid_client: 401,
  invalid_token: 401,
  unauthorized: 401,
  insufficient_scope: 403,
  not_found: 404,
  conflict: 409,
  login_required: 409,
  precondition_failed: 412,
  precondition_required: 428,
  server_error: 500,
  temporarily_unavailable: 503,
}

export const BASIC_CHALLENGE = 'Basic realm="token-ledger", charset="UTF-8"'

const HEADERS: Partial<Record<OAuthErrorCode, Record<string, string>>> = {
  // Always: RFC 6749 asks for it only after an Authorization header, clients depend on it on every 401.
  invalid_client: { 'WWW-Authenticate': BASIC_CHALLENGE },
  invalid_token: { 'WWW-Authenticate': 'Bearer realm="token-ledger", error="invalid_token"' },
  unauthorized: { 'WWW-Authenticate': 'Bearer realm="token-ledger"' },
  temporarily_unavailable: { 'Retry-After': '1' },
}

/** The one error class: an answer to the client, with nothing in its description that an attacker can use. */
export class OAuthError extends Error {
  readonly error: OAuthErrorCode
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly reason: string | undefined
  readonly alarm: string | undefined

  constructor(error: OAuthErrorCode, description: string, options: OAuthErrorOptions = {}) {
    const { status, headers, reason, alarm, cause } = options
    super(description, { cause })
    this.name = 'OAuthError'
    this.error = error
    this.status = status ?? STATUS[error] ?? 400
    this.headers = { ...HEADERS[error], ...headers }
    this.reason = reason
    this.alarm = alarm
  }
}

/**
 * 503 `temporarily_unavailable` with Retry-After: an outage of ours, never the client's fault, so that no client gives
 * up its tokens over it. The reason goes to the log only, as an alarm where it is one.
 */
export function unavailable(reason: string, cause?: unknown, alarm?: string): OAuthError {
  const options = { reason, cause, alarm }
  return new OAuthError('temporarily_unavailable', 'the service cannot answer now; try again', options)
}

/** The JSON body of an error answer; only the characters that RFC 6749 §5.2 allows are in it. */
export function errorBody({ error, message }: OAuthError): { error: string; error_description: string } {
  return { error, error_description: describe(message) }
}

const MAX_DESCRIPTION = 500

/** A text as an error_description: %x20-21 / %x23-5B / %x5D-7E, no quotation mark and no backslash. */
export function describe(message: string): string {
  return message
    .slice(0, MAX_DESCRIPTION)
    .replaceAll('"', "'")
    .replace(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, '?')
}
