import { createHash, timingSafeEqual } from 'node:crypto'
import type { Verification } from '../ledger/grant/commands/exchange.ts'
import type { GrantCode } from '../ledger/grant/state.ts'

type Challenge = Pick<GrantCode, 'code_challenge' | 'code_challenge_method'>

// RFC 7636 §4.1.
const VERIFIER_FORM = /^[\w\-.~]{43,128}$/

/** What a code_verifier, as sent, is to the stored code_challenge (RFC 7636 §4.6); the time it takes tells nothing. */
export function verify(
  { code_challenge, code_challenge_method }: Challenge,
  code_verifier: string | null,
): Verification {
  if (code_verifier === null) return 'none'
  if (code_challenge === null || !VERIFIER_FORM.test(code_verifier)) return 'wrong'
  const made = code_challenge_method === 'plain' ? code_verifier : s256(code_verifier)
  return isSame(made, code_challenge) ? 'right' : 'wrong'
}

/** The code_challenge of a code_verifier by S256 (RFC 7636 §4.2). */
export function s256(code_verifier: string): string {
  return createHash('sha256').update(code_verifier, 'ascii').digest('base64url')
}

function isSame(a: string, b: string): boolean {
  const [one, other] = [Buffer.from(a), Buffer.from(b)]
  return one.length === other.length && timingSafeEqual(one, other)
}
