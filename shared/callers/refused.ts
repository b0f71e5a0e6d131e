import { OAuthError } from '../http/oauth-error.ts'
import type { Refusal } from '../ledger/grant/commands/refusal.ts'

/** The OAuth error that a refusal stands for; its reason goes to the log. */
export function refusedWith({ error, description, reason }: Refusal): OAuthError {
  return new OAuthError(error, description, { reason })
}
