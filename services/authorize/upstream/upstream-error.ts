import { errors } from 'jose'
import { AuthorizationResponseError, ClientError, ResponseBodyError } from 'openid-client'

/**
 * Why nobody came from a provider. `away`: it cannot be asked. `denied`: the person said no there. `strange`: it
 * answers what we cannot trust.
 */
export type UpstreamFault = 'away' | 'denied' | 'strange'

/** The one error of a login with a provider; the message is for the log, and names no person and no token. */
export class UpstreamError extends Error {
  readonly fault: UpstreamFault

  constructor(fault: UpstreamFault, message: string) {
    super(message)
    this.name = 'UpstreamError'
    this.fault = fault
  }
}

/** Codes of errors with which a provider says that it cannot answer now (RFC 6749 §4.1.2.1). */
const AWAY = ['temporarily_unavailable', 'server_error']

/** Throws what went wrong as an UpstreamError: what libraries say may hold what the provider sent. */
export function faultOf(error: unknown): never {
  const own = causesOf(error).find((one) => one instanceof UpstreamError)
  if (own) throw own
  if (error instanceof AuthorizationResponseError || error instanceof ResponseBodyError) throw refusal(error)
  throw new UpstreamError(isAway(error) ? 'away' : 'strange', wordsFor(error))
}

function refusal(error: AuthorizationResponseError | ResponseBodyError): UpstreamError {
  const denied = error instanceof AuthorizationResponseError && error.error === 'access_denied'
  const fault: UpstreamFault = denied ? 'denied' : AWAY.includes(error.error) ? 'away' : 'strange'
  // Codes of errors are ASCII by RFC 6749; what is none is not repeated.
  const code = /^[\w-]{1,64}$/.test(error.error) ? error.error : 'an error without a code'
  return new UpstreamError(fault, `the provider answers ${code}`)
}

function isAway(error: unknown): boolean {
  const chain = causesOf(error)
  if (chain.some((one) => one instanceof errors.JWKSTimeout)) return true
  // What fetch throws where no answer came, and what a time that is over throws.
  return chain.some(
    (one) => one.name === 'TimeoutError' || (one instanceof TypeError && one.message === 'fetch failed'),
  )
}

function causesOf(error: unknown): Error[] {
  return error instanceof Error ? [error, ...causesOf(error.cause)] : []
}

/** The code, which is the library's own word. */
function wordsFor(error: unknown): string {
  if (error instanceof ClientError) return `${error.message} (${error.code ?? 'no code'})`
  if (error instanceof errors.JOSEError) return `the ID token or its keys: ${error.code}`
  return error instanceof Error ? error.name : 'something that is no error was thrown'
}
