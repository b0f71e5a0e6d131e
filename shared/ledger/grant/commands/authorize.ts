import type { CodeChallengeMethod, GrantFact } from '../../events.ts'
import { askedRedirectUriProblem } from '../../redirect-uri.ts'
import { type GrantLogin, loginOf } from '../login.ts'
import { grantTerms, type IssueCommand } from './issue.ts'
import { refuse, type Refusal } from './refusal.ts'

type Authorized = Extract<GrantFact, { type: 'AuthorizationGranted' }>

/** `isRequired`: of confidential clients too. `isPlainAllowed`: a code_challenge may be the code_verifier itself. */
export type PkcePolicy = { isRequired: boolean; isPlainAllowed: boolean }

/** The request for a code, as it was sent; `null` = omitted. */
export type CodeRequest = {
  redirect_uri: string | null
  code_challenge: string | null
  code_challenge_method: string | null
}

export type AuthorizeCommand = Omit<IssueCommand, 'grant_type'> &
  CodeRequest &
  GrantLogin & { pkce: PkcePolicy; code_lifetime: number }

export type AuthorizeDecision = { event: Authorized; refused?: undefined } | { refused: Refusal; event?: undefined }

// RFC 7636 §4.2: SHA-256 in base64url, or the code_verifier itself.
const CHALLENGE_FORMS: Record<CodeChallengeMethod, RegExp> = { S256: /^[\w-]{43}$/, plain: /^[\w\-.~]{43,128}$/ }

/**
 * Decides a code for a client on the client's terms (RFC 6749 §4.1.1, RFC 7636 §4.3): where it may be sent, the grant
 * type, the scope, then the proof that it must be exchanged with. A public client must send a code_challenge.
 */
export function authorizeGrant(command: AuthorizeCommand): AuthorizeDecision {
  const { client, redirect_uri, code_challenge, pkce, code_lifetime } = command
  const elsewhere = askedRedirectUriProblem(client.redirect_uris, redirect_uri)
  if (elsewhere) return invalidRequest('redirect_uri_refused', `redirect_uri ${elsewhere}`)
  const { terms, refused } = grantTerms({ ...command, grant_type: 'authorization_code' })
  if (refused) return { refused }
  if (code_challenge === null && (pkce.isRequired || client.client_type === 'public'))
    return invalidRequest('code_challenge_missing', 'code_challenge is required (RFC 7636)')
  const { method, problem } = challengeMethod(command)
  if (problem !== undefined) return invalidRequest('code_challenge_refused', problem)
  const asked = { redirect_uri, code_challenge, code_challenge_method: method, code_lifetime }
  return { event: { type: 'AuthorizationGranted', data: { ...terms, ...asked, ...loginOf(command) } } }
}

type Method = { method: CodeChallengeMethod | null; problem?: undefined } | { problem: string; method?: undefined }

// An omitted method would be plain (RFC 7636 §4.3): who forgot it meant S256, and would find out at the exchange only.
function challengeMethod({ code_challenge, code_challenge_method, pkce }: AuthorizeCommand): Method {
  const allowed = pkce.isPlainAllowed ? 'S256 or plain' : 'S256'
  if (code_challenge === null)
    return code_challenge_method === null ? { method: null } : { problem: 'code_challenge_method needs code_challenge' }
  if (code_challenge_method === null) return { problem: `code_challenge_method is required: ${allowed}` }
  if (code_challenge_method !== 'S256' && !(code_challenge_method === 'plain' && pkce.isPlainAllowed))
    return { problem: `code_challenge_method must be ${allowed}` }
  const isWellFormed = CHALLENGE_FORMS[code_challenge_method].test(code_challenge)
  return isWellFormed
    ? { method: code_challenge_method }
    : { problem: 'code_challenge must be made of a code_verifier as RFC 7636 section 4.2 says' }
}

function invalidRequest(reason: string, description: string): AuthorizeDecision {
  return { refused: refuse('invalid_request', reason, description) }
}
