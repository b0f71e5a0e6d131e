import type { GrantFact } from '../events.ts'

/** How a user consented to an authorization, and was logged in then; nothing where nobody was asked. */
export type GrantLogin = Pick<
  Extract<GrantFact, { type: 'AuthorizationGranted' }>['data'],
  'consent' | 'auth_time' | 'amr' | 'sid' | 'nonce'
>

/** These alone, from whatever carries them; what is absent stays absent. */
export function loginOf({ consent, auth_time, amr, sid, nonce }: GrantLogin): GrantLogin {
  return {
    ...(consent !== undefined && { consent }),
    ...(auth_time !== undefined && { auth_time }),
    ...(amr !== undefined && { amr }),
    ...(sid !== undefined && { sid }),
    ...(nonce !== undefined && { nonce }),
  }
}
