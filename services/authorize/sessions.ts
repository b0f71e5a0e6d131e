import { v7 as uuidv7 } from 'uuid'
import { grantOfApproval } from '../../shared/accounts/sessions/approvals.ts'
import { sessionEnded } from '../../shared/accounts/sessions/ended.ts'
import { noteUse, openSession, type SessionLives } from '../../shared/accounts/sessions/sessions.ts'
import { networkOf } from '../../shared/callers/event-context.ts'
import type { HttpContext } from '../../shared/http/context.ts'
import type { Cookies } from '../../shared/pages/cookies.ts'
import type { Runtime } from '../../shared/process/runtime.ts'
import { readSettled, type Settling } from '../../shared/read-model/reads/settled.ts'
import {
  createSessionReader,
  type SessionReader,
  type SessionView,
} from '../../shared/read-model/sessions/read-session.ts'
import type { Authorize, Session } from './authorize.ts'

/** What finds and makes sessions. */
type Finding = Settling & { cookies: Cookies; read: SessionReader; knex: Runtime['knex']; lives: SessionLives }

/** Sessions and approvals, by the cookies of a request. */
export function sessionsOf(
  runtime: Runtime,
  settling: Settling,
  cookies: Cookies,
): Pick<Authorize, 'sessions' | 'grantOf' | 'sessionLives'> {
  const { knex, settings } = runtime
  const lives = { idle: settings.SESSION_IDLE, lifetime: settings.SESSION_LIFETIME }
  const read = createSessionReader(runtime, { patienceMs: settings.APPEND_TIMEOUT * 1000 })
  const finding = { ...settling, cookies, read, knex, lives }
  return {
    sessionLives: lives,
    sessions: {
      read: async (ctx, client_id) => {
        const id = cookies.read(ctx, 'session')
        return id === null ? null : finding.read(keyOf(id, client_id))
      },
      find: (ctx, first) => findSession(finding, ctx, first),
      open: async (ctx, { remember = true, ...session }) => {
        const replaces = cookies.read(ctx, 'session')
        const id = cookies.renew(ctx, 'session', remember ? lives.lifetime : undefined)
        await openSession(knex, { id, replaces, network: networkOf(ctx.state.clientAddress), ...session }, lives)
      },
    },
    grantOf: (consent_id, grant_id) => grantOfApproval(knex, consent_id, grant_id),
  }
}

/** Who is logged in by the cookie of this request; `first`: what was read of it already. Unsettled, WaitTimeout. */
async function findSession(finding: Finding, ctx: HttpContext, first?: SessionView | null): Promise<Session | null> {
  const { cookies, knex, lives } = finding
  const id = cookies.read(ctx, 'session')
  if (id === null) return null
  const { session, sessionUser: user, registry, now } = await readSession(finding, id, first)
  if (!session || sessionEnded({ session, user, now, lives })) return null
  await noteUse(knex, id, { used_at: session.used_at, now }, networkOf(ctx.state.clientAddress))
  const { sid, sub, amr, logged_in_at, auth_time } = session
  const username = user?.person?.username ?? null
  const not_before = user?.not_before ?? null
  return { sid, sub, username, amr, logged_in_at, auth_time, registry_position: registry.next, now, not_before }
}

function keyOf(session_id: string, client_id: string | null) {
  return { client_id, grant_id: null, generation: 0, session_id }
}

/** The view once it shows as much of the registry as the login was made on. */
async function readSession(finding: Finding, id: string, given?: SessionView | null): Promise<SessionView> {
  const read = () => finding.read(keyOf(id, null))
  const first = given ?? (await read())
  const behind = (first.session?.registry_position ?? 0) > first.registry.next
  const registry = behind ? 'the registry may be older than the login' : null
  const purpose = { doubts: () => ({ grants: null, registry }), recent: true }
  return readSettled(finding, { purpose, asked: { grant_id: uuidv7() }, first, read })
}
