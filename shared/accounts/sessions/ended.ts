import { type EntityProblem, entityProblem, type EntityState } from '../../ledger/grant/liveness.ts'
import type { SessionLives, StoredSession } from './sessions.ts'

/** Why somebody is not logged in, in a stable word. */
export type SessionEnd = 'session_unknown' | 'session_idle' | 'session_expired' | `user_${EntityProblem}`

/** All as of one statement; `now`: the database's clock in it, ms. */
export type SessionQuestion = {
  session: StoredSession | null
  user: EntityState | null | undefined
  now: number
  lives: SessionLives
}

/**
 * Why a session does not count; `null` = it does. It dies by the rule of grants: with its user, by a change of the
 * password and by the end of all grants. One who is disabled is not logged in, and is again when enabled.
 */
export function sessionEnded({ session, user, now, lives }: SessionQuestion): SessionEnd | null {
  if (!session) return 'session_unknown'
  if (now >= session.logged_in_at + lives.lifetime * 1000) return 'session_expired'
  if (now >= session.used_at + lives.idle * 1000) return 'session_idle'
  const problem = entityProblem(user, session.registry_position)
  return problem && `user_${problem}`
}
