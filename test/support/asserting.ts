import type { ExecutionContext } from 'ava'
import { OAuthError } from '../../shared/http/oauth-error.ts'
import type { Answer } from './requests.ts'

/**
 * Asserts an error as RFC 6749 §5.2 wants it: this status and code, never cached, nothing in it but `error` and a
 * description in the characters allowed; a 401 with a challenge.
 */
export function refuses(t: ExecutionContext, answer: Answer, [status, error]: [number, string], what = ''): void {
  const { headers, body } = answer
  t.deepEqual([answer.status, body['error']], [status, error], `${what} ${String(body['error_description'])}`)
  t.is(headers.get('cache-control'), 'no-store', what)
  t.is(headers.get('pragma'), 'no-cache', what)
  t.deepEqual(Object.keys(body), ['error', 'error_description'], what)
  t.regex(String(body['error_description']), /^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/, what)
  t.is(headers.has('www-authenticate'), status === 401, what)
}

/** What the attempt was refused with. */
export function refusalOf(attempt: () => unknown): OAuthError {
  try {
    attempt()
  } catch (error) {
    if (error instanceof OAuthError) return error
    throw error
  }
  throw new Error('nothing was refused')
}
