import type { Form } from '../http/input/form-body.ts'
import { OAuthError } from '../http/oauth-error.ts'
import { type Asserted, assertedSubject, ASSERTION_TYPE } from './client-assertion.ts'

/** Who the caller says it is, and how it proves it. */
export type ClientCredentials =
  | { client_id: string; client_secret: string; method: 'client_secret_basic' | 'client_secret_post' }
  | { client_id: string; client_secret: null; method: 'none' }
  | Asserted

/**
 * Reads the client's credentials from the Authorization header or the parameters (RFC 6749 §2.3.1, RFC 7521 §4.2) of a
 * request to `path`. OAuthError: invalid_request for two methods at once, invalid_client (401 with a Basic challenge)
 * for what is broken or nothing at all.
 */
export function readClientCredentials(authorization: string | undefined, form: Form, path: string): ClientCredentials {
  const { client_id, client_secret } = form
  if (authorization) return withBasic(parseBasic(authorization), form)
  if (isAsserted(form)) return withAssertion(form, path)
  if (client_id === undefined) throw new OAuthError('invalid_client', 'client authentication is missing')
  if (client_secret === undefined) return { client_id, client_secret: null, method: 'none' }
  return { client_id, client_secret, method: 'client_secret_post' }
}

type Basic = { client_id: string; client_secret: string }

function isAsserted(form: Form): boolean {
  return form['client_assertion'] !== undefined || form['client_assertion_type'] !== undefined
}

function withAssertion(form: Form, path: string): Asserted {
  const { client_id, client_secret, client_assertion = '', client_assertion_type } = form
  if (client_secret !== undefined) throw twoMethods()
  if (client_assertion_type !== ASSERTION_TYPE)
    throw new OAuthError('invalid_client', `client_assertion_type must be ${ASSERTION_TYPE}`)
  const subject = assertedSubject(client_assertion)
  if (subject === null) throw new OAuthError('invalid_client', 'the client assertion is malformed')
  if (client_id !== undefined && client_id !== subject)
    throw new OAuthError('invalid_client', 'client_id is not the subject of the client assertion')
  const request = JSON.stringify([path, Object.entries(form).sort()])
  return { client_id: subject, client_secret: null, method: 'private_key_jwt', client_assertion, request }
}

function withBasic(basic: Basic, form: Form): ClientCredentials {
  // An empty client_secret beside Basic was dropped by the form parser: clients send it, and it is no second method.
  if (form['client_secret'] !== undefined || isAsserted(form)) throw twoMethods()
  if (form['client_id'] !== undefined && form['client_id'] !== basic.client_id)
    throw new OAuthError('invalid_request', 'client_id differs from the one in the Authorization header')
  const { client_id, client_secret } = basic
  // `Basic id:` proves nothing: it is how some libraries send a public client's id.
  if (client_secret === '') return { client_id, client_secret: null, method: 'none' }
  return { client_id, client_secret, method: 'client_secret_basic' }
}

function twoMethods(): OAuthError {
  return new OAuthError('invalid_request', 'more than one client authentication method')
}

const BASIC_FORM = /^basic +([a-z\d+/]+={0,2}) *$/i

/** RFC 6749 appendix A.1 and A.2 allow visible ASCII; a control character would only trouble the database. */
const VISIBLE = /^[\x20-\x7e]*$/

function parseBasic(authorization: string): Basic {
  const encoded = BASIC_FORM.exec(authorization)?.[1]
  if (encoded === undefined) throw new OAuthError('invalid_client', 'the Authorization header is not Basic credentials')
  const pair = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = pair.indexOf(':')
  const client_id = formDecoded(pair.slice(0, Math.max(colon, 0)))
  const client_secret = formDecoded(pair.slice(colon + 1))
  if (colon < 0 || client_id === '' || !VISIBLE.test(client_id + client_secret))
    throw new OAuthError('invalid_client', 'the Basic credentials are malformed')
  return { client_id, client_secret }
}

/** RFC 6749 §2.3.1 wants both parts form-encoded; some clients send them raw, which shows where decoding fails. */
function formDecoded(part: string): string {
  try {
    return decodeURIComponent(part.replaceAll('+', ' '))
  } catch {
    return part
  }
}
