import { OAuthError } from '../../../shared/http/oauth-error.ts'
import type { Admin } from '../admin.ts'

// A mail address in any spelling of its at sign that a name may hold, a URI that leads to a person, an E.164 number.
const ADDRESS = /@|%40|&#(64|x40);|^(mailto|acct|tel|sips?|xmpp):|^\+[\d().-]{6,}$/i

/**
 * OAuthError invalid_request for a `sub` that reads as an address, unless this ledger has such ones: it stands in every
 * record about the person, and is left when the person is forgotten.
 */
export function requirePseudonym({ subMayBeAddress }: Pick<Admin, 'subMayBeAddress'>, sub: string): void {
  if (subMayBeAddress || !ADDRESS.test(sub)) return
  throw new OAuthError('invalid_request', 'sub: must not be a mail address or telephone number: it cannot be forgotten')
}
