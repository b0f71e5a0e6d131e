import { v7 as uuidv7 } from 'uuid'
import { authenticateUser, type Login, type ProvenUser, readLogin } from '../../../shared/callers/authenticate-user.ts'
import { limitedLogin } from '../../../shared/callers/failed-attempts.ts'
import type { HttpContext, HttpMiddleware } from '../../../shared/http/context.ts'
import { readForm } from '../../../shared/http/input/form-body.ts'
import { OAuthError } from '../../../shared/http/oauth-error.ts'
import { seeOther } from '../../../shared/pages/answer-page.ts'
import { nameKeysOf } from '../../../shared/read-model/passwords/read-login.ts'
import type { Authorize } from '../authorize.ts'
import { startAgain } from '../request/start-again.tsx'
import { addressOf, isOfThisBrowser, unpackOnward } from './onward.ts'
import { beginUpstream } from '../upstream/begin.ts'
import { showLogin } from './show-login.tsx'

/** How a password proves a person (RFC 8176 §2). */
export const BY_PASSWORD = ['pwd']

/**
 * GET /login: somebody who came by themselves. POST: the form, which goes on to what it was shown for. A page that was
 * left open, or whose cookie is gone, is shown again with what was typed as the name: that is no forgery of theirs.
 */
export function loginForm(authorize: Authorize): HttpMiddleware {
  return async (ctx) => {
    const onward = { to: 'account', page: 'access' } as const
    if (await authorize.sessions.find(ctx)) return seeOther(ctx, addressOf(authorize, onward))
    await showLogin(authorize, ctx, onward)
  }
}

export function login(authorize: Authorize): HttpMiddleware {
  return async (ctx) => {
    const form = await readForm(ctx)
    const { username = '', password = '' } = form
    const unpacked = unpackOnward(authorize, form['onward'])
    if (!unpacked) return startAgain(authorize, ctx)
    const { onward, expired } = unpacked
    // Where another application asks who somebody is, no password counts here.
    if (expired || authorize.login_url !== null || !isOfThisBrowser(authorize, ctx, form))
      return showLogin(authorize, ctx, onward, { problem: 'login_again', username })
    if (form['provider'] !== undefined || !authorize.takesPasswords) {
      const problem = await beginUpstream(authorize, ctx, form['provider'] ?? '', onward)
      return problem && showLogin(authorize, ctx, onward, { problem })
    }
    const proven = await proveUser(authorize, ctx, { username, password })
    if (proven === 'locked')
      return showLogin(authorize, ctx, onward, { problem: 'login_locked', username, status: 429 })
    if (proven.refused) {
      ctx.state.error = 'access_denied'
      ctx.state.reason = proven.refused.reason
      return showLogin(authorize, ctx, onward, { problem: 'login_wrong', username })
    }
    const { sub, view } = proven
    await authorize.sessions.open(ctx, { sub, amr: BY_PASSWORD, registry_position: view.registry.next })
    seeOther(ctx, addressOf(authorize, onward))
  }
}

type Typed = { username: string; password: string }

/** Proves a person by name and password. `locked`: too many of this name from there were wrong, whoever has it. */
export async function proveUser(
  authorize: Authorize,
  ctx: HttpContext,
  { username, password }: Typed,
): Promise<ProvenUser | 'locked'> {
  const names = await nameKeysOf(authorize.people, username)
  const key = { client_id: null, grant_id: null, generation: 0, ...names }
  const asked: Login = { grant_id: uuidv7(), password, read: () => authorize.readLogin(key) }
  const view = await readLogin(authorize, asked, await asked.read())
  const named = { name_index: names.username_index, sub: view.account?.user.value?.sub ?? null }
  try {
    return await limitedLogin(ctx, authorize, named, () => authenticateUser(authorize, asked, view))
  } catch (error) {
    if (!(error instanceof OAuthError) || error.status !== 429) throw error
    ctx.set(error.headers)
    ctx.state.error = error.error
    ctx.state.reason = error.reason
    return 'locked'
  }
}
