import { randomBytes } from 'node:crypto'
import { v7 as uuidv7 } from 'uuid'
import type { GrantFact } from '../../shared/ledger/events.ts'
import { s256 } from '../../shared/tokens/pkce.ts'
import { formatToken } from '../../shared/tokens/token-string.ts'
import { type Subject, termsOf } from '../subject.ts'

const REDIRECT_URI = 'https://app.example/callback'
/** Events that are appended at once. */
const AT_ONCE = 1_000

/** The form of a refresh. */
export const refreshForm = (token: string) => `grant_type=refresh_token&refresh_token=${token}`

/** The form of client_credentials. */
export const CLIENT_FORM = 'grant_type=client_credentials'

/** The forms of `count` exchanges, each of a code of its own (S256), which the subject has authorized. */
export async function exchangeForms({ client, keys, append }: Subject, count: number): Promise<string[]> {
  const code_verifier = randomBytes(32).toString('base64url')
  const grants = Array.from({ length: count }, () => uuidv7())
  const asked = { redirect_uri: REDIRECT_URI, code_challenge: s256(code_verifier), code_lifetime: 3_600 }
  const facts = grants.map((grant_id): GrantFact => {
    const terms = { ...termsOf(client, grant_id), grant_type: 'authorization_code' }
    return { type: 'AuthorizationGranted', data: { ...terms, ...asked, code_challenge_method: 'S256' } }
  })
  for (let from = 0; from < count; from += AT_ONCE) await append(facts.slice(from, from + AT_ONCE))
  return grants.map((grant_id) => {
    const code = formatToken(keys, 'ac', { kid: keys.current, grant_id, generation: 0 })
    const form = { grant_type: 'authorization_code', code, redirect_uri: REDIRECT_URI, code_verifier }
    return new URLSearchParams(form).toString()
  })
}
