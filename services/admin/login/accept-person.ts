import { type Bearer, requireRight } from '../../../shared/callers/require-right.ts'
import type { HttpContext } from '../../../shared/http/context.ts'
import { parsed } from '../../../shared/http/input/json-body.ts'
import { insufficientScope } from '../../../shared/callers/bearer.ts'
import { OAuthError } from '../../../shared/http/oauth-error.ts'
import { guardedGroupsOf, needsGuard } from '../../../shared/ledger/access/guard.ts'
import { GUARD_RESOURCE } from '../../../shared/ledger/registry/predefined.ts'
import { registryKey } from '../../../shared/ledger/registry/kinds.ts'
import { lives, type RegistryView } from '../../../shared/ledger/registry/state.ts'
import { readUser, type UserRead } from '../../../shared/read-model/reads/living-user.ts'
import type { Admin } from '../admin.ts'
import { USERS } from '../kinds/users.ts'
import { groupProblems } from '../names.ts'
import { requirePseudonym } from '../people/pseudonym.ts'
import { writeEntity } from '../registry/write.ts'

/** Whom a login application accepts. `groups`: those of LEDGER_LOGIN_GROUPS that the person is in. */
export type Accepted = {
  sub: string
  groups?: string[] | undefined
  username?: string | undefined
  name?: string | null | undefined
  email?: string | null | undefined
}

/**
 * Has the user be there, enabled, and in these groups; the registry position of the login. OAuthError: 400 for a group
 * that is not allowed, 403 for a group that `ledger.*` names, given or taken, and for a user who reaches it, without
 * the guard's right; 409 where there is no such user, and none is made, or it is disabled.
 */
export async function acceptPerson(admin: Admin, ctx: HttpContext, bearer: Bearer, who: Accepted): Promise<number> {
  const foreign = (who.groups ?? []).filter((group) => !admin.logins.groups.includes(group))
  if (foreign.length > 0)
    throw new OAuthError('invalid_request', `groups: LEDGER_LOGIN_GROUPS does not have ${foreign.join(', ')}`)
  const found = await readUser(admin, who.sub)
  if (!found.user && !admin.logins.createsPeople) throw new OAuthError('conflict', 'there is no user of this sub')
  if (found.user) await requireMayAct(admin, ctx, found, who.sub)
  const changed = found.user
    ? await putGroups(admin, ctx, bearer, { found, who })
    : await create(admin, ctx, bearer, who)
  return (changed ? await readUser(admin, who.sub) : found).checkpoint.next
}

async function requireMayAct(admin: Admin, ctx: HttpContext, { user, view }: UserRead, sub: string): Promise<void> {
  if (!user?.value?.enabled) throw new OAuthError('conflict', 'this user is disabled')
  // Whoever says that somebody is an administrator acts as one.
  const acting = { type: 'UserDeleted' as const, data: { revision: user.revision, sub } }
  if (needsGuard(view, acting)) await requireRight(admin, ctx, GUARD_RESOURCE)
}

type Put = { found: UserRead; who: Accepted }

/** Whether anything was written. What is not in LEDGER_LOGIN_GROUPS stays as it is. */
async function putGroups(admin: Admin, ctx: HttpContext, bearer: Bearer, { found, who }: Put): Promise<boolean> {
  const { sub, groups: given } = who
  if (given === undefined) return false
  const after = (before: readonly string[]) => {
    const others = before.filter((group) => !admin.logins.groups.includes(group))
    return [
      ...others,
      ...before.filter((group) => given.includes(group)),
      ...given.filter((one) => !before.includes(one)),
    ]
  }
  const before = found.user?.value?.groups ?? []
  if (touched(before, after(before)).length === 0) return false
  await writeEntity(admin, ctx, bearer, {
    key: registryKey('user', sub),
    question: { subs: [sub] },
    precondition: null,
    error: 'invalid_request',
    fact: (revised, entity) => {
      if (entity?.kind !== 'user' || !entity.value) throw new OAuthError('conflict', 'there is no user of this sub')
      const user = { ...entity.value, groups: after(entity.value.groups) }
      return { type: 'UserPut', data: { ...revised, user } }
    },
    problems: (view) => {
      const now = view.users.find((user) => user.sub === sub)?.groups ?? []
      requireNotOfLedger(view, touched(now, after(now)))
      return groupProblems(view, 'groups', given, { members: true })
    },
  })
  return true
}

async function create(admin: Admin, ctx: HttpContext, bearer: Bearer, who: Accepted): Promise<boolean> {
  const { sub, groups = [], username = sub, name = null, email = null } = who
  requirePseudonym(admin, sub)
  const { fact, problems, ...wanted } = parsed({ username, name, email, groups }, USERS.body(sub))
  await writeEntity(admin, ctx, bearer, {
    ...wanted,
    key: registryKey('user', sub),
    precondition: null,
    error: 'invalid_request',
    fact: (revised, entity) => {
      if (lives(entity)) throw new OAuthError('conflict', 'somebody of this sub was created meanwhile: accept again')
      return fact(revised)
    },
    problems: (view) => {
      requireNotOfLedger(view, groups)
      return problems(view)
    },
  })
  return true
}

/** Whoever has the right to the ledger itself gives such a group as an administrator, never as a login application. */
function requireNotOfLedger(view: RegistryView, groups: readonly string[]): void {
  const guarded = guardedGroupsOf(view)
  const wrong = groups.filter((group) => guarded.includes(group))
  if (wrong.length === 0) return
  const { headers } = insufficientScope('ledger.admin')
  throw new OAuthError('insufficient_scope', `groups: ${wrong.join(', ')} reaches the ledger itself`, { headers })
}

function touched(before: readonly string[], after: readonly string[]): string[] {
  return [...before.filter((one) => !after.includes(one)), ...after.filter((one) => !before.includes(one))]
}
