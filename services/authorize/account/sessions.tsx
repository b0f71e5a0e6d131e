/** @jsxRuntime automatic @jsxImportSource preact */
import { endOtherSessions, endSessionOf, listSessions } from '../../../shared/accounts/sessions/sessions.ts'
import type { HttpContext } from '../../../shared/http/context.ts'
import { answerPage, seeOther } from '../../../shared/pages/answer-page.ts'
import { hasEndedWith } from '../../../shared/ledger/grant/liveness.ts'
import type { Authorize } from '../authorize.ts'
import { YourSessionsPage } from '../pages/your-sessions.tsx'
import { accountProps, hiddenIn, type Own, seeDone } from './own-page.ts'

/** Where one is logged in, this browser first: sessions that the log ended are not told. */
export async function showSessions(authorize: Authorize, ctx: HttpContext, own: Own): Promise<void> {
  const { session } = own
  const stored = await listSessions(authorize.passwords.knex, session.sub, authorize.sessionLives)
  const sessions = stored
    .filter(({ registry_position }) => !hasEndedWith(session, registry_position))
    .map((one) => ({
      handle: one.sid,
      isThis: one.sid === session.sid,
      since: new Date(one.logged_in_at),
      used: new Date(one.used_at),
      address: one.network ?? '–',
    }))
    .toSorted((a, b) => Number(b.isThis) - Number(a.isThis))
  const action = authorize.paths.account('sessions')
  const props = { ...accountProps(authorize, own), action, hidden: hiddenIn(authorize, ctx), sessions }
  answerPage(ctx, <YourSessionsPage {...props} />)
}

/** Ends one (`session`), or all others (`others`). Sent twice, the second finds nothing more to end. */
export async function endSessions(authorize: Authorize, ctx: HttpContext, { session, form }: Own): Promise<void> {
  const { knex } = authorize.passwords
  const { texts } = authorize.site
  if (form['others'] !== undefined) {
    await endOtherSessions(knex, session.sub, session.sid)
    return seeDone(authorize, ctx, 'sessions', texts.sessions_others_ended)
  }
  const ended = await endSessionOf(knex, session.sub, form['session'] ?? '')
  if (ended) return seeDone(authorize, ctx, 'sessions', texts.sessions_ended)
  seeOther(ctx, authorize.paths.account('sessions'))
}
