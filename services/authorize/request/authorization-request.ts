import type { CodeRequest } from '../../../shared/ledger/grant/commands/authorize.ts'
import { type Parameters, single } from './parameters.ts'

/** What the client wants the user to be asked again (OpenID Connect Core §3.1.2.1). */
export const PROMPTS = ['none', 'login', 'consent', 'select_account'] as const
type Prompt = (typeof PROMPTS)[number]

/** The authorization request of a proven client, as it travels with our forms; `null` = omitted. */
export type AuthorizationRequest = CodeRequest & {
  client_id: string
  scope: string | null
  state: string | null
  nonce: string | null
  prompt: readonly Prompt[]
  /** Seconds since the login at the most. */
  max_age: number | null
  /** Whom the client believes to be there: told to a login application. */
  login_hint: string | null
  /** When it came in (ms, the database's clock): a login after that is one made for it. */
  received_at: number
}

/** What an authorization endpoint answers a client (RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6). */
export type AnsweredError =
  | 'invalid_request'
  | 'unauthorized_client'
  | 'access_denied'
  | 'unsupported_response_type'
  | 'invalid_scope'
  | 'login_required'
  | 'consent_required'
  | 'request_not_supported'
  | 'request_uri_not_supported'
  | 'registration_not_supported'
  | 'temporarily_unavailable'

export type Answered = { error: AnsweredError; error_description: string }

type Read = { request: AuthorizationRequest; refused?: undefined } | { refused: Answered; request?: undefined }

/** Reads the request of a client that is proven, or why it cannot be answered otherwise than by an error. */
export function readRequest(parameters: Parameters, client_id: string, received_at: number): Read {
  const { problem } = parameters
  if (problem !== null) return refused('invalid_request', problem)
  const of = (name: string) => single(parameters, name)
  const unsupported = unsupportedIn(of)
  if (unsupported) return { refused: unsupported }
  const prompt = (of('prompt') ?? '').split(' ').filter((one) => one !== '')
  const isKnown = (one: string): one is Prompt => (PROMPTS as readonly string[]).includes(one)
  if (!prompt.every(isKnown)) return refused('invalid_request', `prompt may have: ${PROMPTS.join(', ')}`)
  if (prompt.includes('none') && prompt.length > 1) return refused('invalid_request', 'prompt=none stands alone')
  const max_age = of('max_age')
  if (max_age !== null && !/^\d{1,10}$/.test(max_age))
    return refused('invalid_request', 'max_age must be a whole number of seconds')
  const request = {
    client_id,
    redirect_uri: of('redirect_uri'),
    scope: of('scope'),
    state: of('state'),
    nonce: of('nonce'),
    code_challenge: of('code_challenge'),
    code_challenge_method: of('code_challenge_method'),
    prompt,
    max_age: max_age === null ? null : Number(max_age),
    login_hint: of('login_hint'),
    received_at,
  }
  return { request }
}

function unsupportedIn(of: (name: string) => string | null): Answered | undefined {
  // RFC 9101 §6.3, OpenID Connect Core §6 and §7.2.1: whoever sends these means what is in them.
  if (of('request') !== null) return error('request_not_supported', 'request objects are not supported')
  if (of('request_uri') !== null) return error('request_uri_not_supported', 'request_uri is not supported')
  if (of('registration') !== null) return error('registration_not_supported', 'registration is not supported')
  const mode = of('response_mode')
  if (mode !== null && mode !== 'query') return error('invalid_request', 'response_mode must be query')
  const type = of('response_type')
  if (type === null) return error('invalid_request', 'missing parameter: response_type')
  // RFC 9700 §2.1.2: a token in an address ends up in histories, logs and with other pages.
  return type === 'code' ? undefined : error('unsupported_response_type', 'response_type must be code')
}

function refused(code: AnsweredError, error_description: string): { refused: Answered } {
  return { refused: error(code, error_description) }
}

function error(code: AnsweredError, error_description: string): Answered {
  return { error: code, error_description }
}
