import { z } from 'zod'
import type { PasswordHash } from '../../../shared/accounts/passwords/hashing.ts'
import { readPassword } from '../../../shared/accounts/passwords/passwords.ts'
import { PASSWORD_LENGTH, passwordProblem } from '../../../shared/accounts/passwords/rules.ts'
import { eventContext } from '../../../shared/callers/event-context.ts'
import { type Bearer, requireRight } from '../../../shared/callers/require-right.ts'
import type { HttpContext, HttpMiddleware } from '../../../shared/http/context.ts'
import { readJson } from '../../../shared/http/input/json-body.ts'
import { OAuthError } from '../../../shared/http/oauth-error.ts'
import { standingAfter } from '../../../shared/ledger/access/administrators.ts'
import { needsGuard } from '../../../shared/ledger/access/guard.ts'
import { GUARD_RESOURCE } from '../../../shared/ledger/registry/predefined.ts'
import type { RegistryEntity, UserEntity } from '../../../shared/ledger/registry/state.ts'
import { type Decide, setPassword } from '../../../shared/read-model/passwords/set-password.ts'
import type { Admin } from '../admin.ts'
import { USERS } from '../kinds/users.ts'
import { nameFrom } from '../names.ts'
import { readLiving } from '../registry/entities.ts'
import { NO_SUCH_USER } from '../registry/forget.ts'
import { etagOf } from '../registry/preconditions.ts'
import { requireAdministratorLeft } from '../standing.ts'

const LENGTHS = `At least ${PASSWORD_LENGTH.characters} characters, at most ${PASSWORD_LENGTH.bytes} bytes in UTF-8 and normal form C.`

/** A password that somebody chose: taken as it is, with every blank. */
export const PASSWORD = z.strictObject({
  password: z
    .string()
    .superRefine((password, context) => {
      const problem = passwordProblem(password)
      if (problem !== null) context.addIssue(problem)
    })
    .meta({ description: LENGTHS, format: 'password', writeOnly: true }),
})

/**
 * PUT /admin/users/:sub/password {password}: 200 means that it is the password of this user, and no other; all grants
 * of before have ended. It may be repeated. For a user who reaches `ledger.*` it needs the guard's right as well.
 * OAuthError: 400, 401, 403, 404, 409 for the last administrator; 503 where too many passwords wait.
 */
export function putPassword(admin: Admin): HttpMiddleware {
  return async (ctx) => {
    const bearer = await requireRight(admin, ctx, USERS.right)
    const sub = nameFrom(ctx, USERS.id, USERS.form)
    const { password } = await readJson(ctx, PASSWORD)
    await readLiving(admin, USERS, sub, admin.maxLagMs)
    answer(ctx, sub, await set(admin, ctx, bearer, { sub, hashed: await admin.hashing.hash(password) }))
  }
}

/** DELETE /admin/users/:sub/password: the same, and there is none then. Ends nothing where there is none already. */
export function removePassword(admin: Admin): HttpMiddleware {
  return async (ctx) => {
    const bearer = await requireRight(admin, ctx, USERS.right)
    const sub = nameFrom(ctx, USERS.id, USERS.form)
    const user = await requireMayRemove(admin, ctx, sub)
    const standing = await readPassword(admin.passwords.knex, sub)
    const isNone = !standing || (standing.hashed === null && !standing.pending)
    answer(ctx, sub, isNone ? user : await set(admin, ctx, bearer, { sub, hashed: null }))
  }
}

/** The user; asks for the guard's right also where nothing will be done. */
async function requireMayRemove(admin: Admin, ctx: HttpContext, sub: string): Promise<RegistryEntity> {
  const user = await readLiving(admin, USERS, sub, admin.maxLagMs)
  const { view } = await admin.registry.read({ subs: [sub] })
  const removal = { type: 'UserDeleted' as const, data: { revision: user.revision, sub } }
  if (needsGuard(view, removal)) await requireRight(admin, ctx, GUARD_RESOURCE)
  return user
}

type New = { sub: string; hashed: PasswordHash | null }

async function set(admin: Admin, ctx: HttpContext, { principal }: Bearer, { sub, hashed }: New): Promise<UserEntity> {
  const asked = { sub, hashed, context: eventContext(ctx, principal) }
  const decide: Decide = async (read, fact) => {
    if (fact.data.guard_revision === undefined) return
    await requireRight(admin, ctx, GUARD_RESOURCE)
    await requireAdministratorLeft(admin, read, (standing) => standingAfter(standing, fact))
  }
  const user = await setPassword(admin.passwords, asked, decide)
  if (!user) throw new OAuthError('not_found', NO_SUCH_USER)
  return user
}

function answer(ctx: HttpContext, sub: string, user: RegistryEntity): void {
  ctx.set('ETag', etagOf(user))
  ctx.body = { sub, password: ctx.method === 'PUT', revision: user.revision }
}
