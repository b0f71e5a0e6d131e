import { makeLink } from '../../../shared/callers/password-link.ts'
import { requireRight } from '../../../shared/callers/require-right.ts'
import type { HttpMiddleware } from '../../../shared/http/context.ts'
import { OAuthError } from '../../../shared/http/oauth-error.ts'
import { GUARD_RESOURCE } from '../../../shared/ledger/registry/predefined.ts'
import type { Admin } from '../admin.ts'
import { USERS } from '../kinds/users.ts'
import { nameFrom } from '../names.ts'
import { readLiving } from '../registry/entities.ts'
import { NO_SUCH_USER } from '../registry/forget.ts'

const KIND = 'set_password'

/**
 * POST /admin/users/:sub/password-link: a link by which this user sets a password, once. It is answered, or sent where
 * LEDGER_NOTIFY_URL is set: then 503 where that was not taken. For a user who reaches `ledger.*` it needs the guard's
 * right as well.
 */
export function makePasswordLink(admin: Admin): HttpMiddleware {
  return async (ctx) => {
    const { principal } = await requireRight(admin, ctx, USERS.right)
    const sub = nameFrom(ctx, USERS.id, USERS.form)
    await readLiving(admin, USERS, sub, admin.maxLagMs)
    const mayGuard = async () => requireRight(admin, ctx, GUARD_RESOURCE).then(() => true)
    const making = { ...admin, knex: admin.passwords.knex }
    const made = await makeLink(making, { sub, kind: KIND, mayGuard })
    if (!made) throw new OAuthError('not_found', NO_SUCH_USER)
    const { link, expires_in } = made
    await admin.notify?.({ kind: KIND, sub, link })
    admin.logger.info({ by: `${principal.type}/${principal.id}`, sub }, 'made a link to set a password')
    ctx.body = { sub, expires_in, ...(!admin.notify && { link }) }
  }
}
