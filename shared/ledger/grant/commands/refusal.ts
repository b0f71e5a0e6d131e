/** RFC 6749 §4.1.2.1 and §5.2 codes that a rule of the ledger can refuse with. */
export type RefusalError = 'invalid_request' | 'invalid_grant' | 'invalid_scope' | 'unauthorized_client'

/** Why a command was refused: `reason` is for the log and auditors, `description` is safe to show to any client. */
export type Refusal = { error: RefusalError; reason: string; description: string }

const DESCRIPTIONS: Record<RefusalError, string> = {
  invalid_request: 'The request is malformed.',
  invalid_grant: 'The token is invalid, expired, revoked, or was issued to another client.',
  invalid_scope: 'The requested scope is malformed or exceeds what was granted.',
  unauthorized_client: 'The client is not allowed to do this.',
}

/** A refusal whose description tells an attacker nothing that the error code does not. */
export function refuse(error: RefusalError, reason: string, description = DESCRIPTIONS[error]): Refusal {
  return { error, reason, description }
}
