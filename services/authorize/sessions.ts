import { grantOfApproval, openSession } from '../../shared/accounts/sessions/sessions.ts'
import type { Cookies } from '../../shared/pages/cookies.ts'
import type { Runtime } from '../../shared/process/runtime.ts'
import { createSessionReader } from '../../shared/read-model/passwords/read-session.ts'
import type { Authorize } from './authorize.ts'

/** Sessions and approvals, by the cookies of a request. */
export function sessionsOf(runtime: Runtime, cookies: Cookies): Pick<Authorize, 'sessions' | 'grantOf'> {
  const { knex, settings } = runtime
  const read = createSessionReader(runtime, settings.MAX_LAG * 1000)
  return {
    sessions: {
      find: async (ctx) => {
        const id = cookies.read(ctx, 'session')
        const found = id === null ? null : await read(id)
        return found && { ...found, username: found.user.person?.username ?? null }
      },
      open: async (ctx, session) => openSession(knex, cookies.renew(ctx, 'session'), session),
    },
    grantOf: (consent_id, grant_id) => grantOfApproval(knex, consent_id, grant_id),
  }
}
