import { PASSWORD_LENGTH, passwordForm } from '../../../shared/accounts/passwords/rules.ts'
import { eventContext } from '../../../shared/callers/event-context.ts'
import type { HttpContext } from '../../../shared/http/context.ts'
import type { Form } from '../../../shared/http/input/form-body.ts'
import { hasEndedWith } from '../../../shared/ledger/grant/liveness.ts'
import { registryKey } from '../../../shared/ledger/registry/kinds.ts'
import { type Decide, setPassword } from '../../../shared/read-model/passwords/set-password.ts'
import type { Authorize } from '../authorize.ts'
import type { NewPasswordProblem, PasswordLimits } from '../pages/new-password.tsx'

export const LIMITS: PasswordLimits = { shortest: PASSWORD_LENGTH.characters, longest: PASSWORD_LENGTH.bytes }

/** What is wrong with the new password that was typed twice; `null`: nothing. */
export function newPasswordProblem(form: Form): NewPasswordProblem | null {
  const typed = form['new_password'] ?? ''
  const password = passwordForm(typed)
  if (password === null) return 'password_too_long'
  if ([...password].length < LIMITS.shortest) return 'password_too_short'
  return passwordForm(form['new_password_again'] ?? '') === password ? null : 'passwords_differ'
}

/**
 * By what somebody may set a password: it was proved, or made, at this position of the registry, and stands until the
 * log ends what was granted then. `guarded`: it also counts for one who reaches `ledger.*`.
 */
export type Right = { sub: string; registry_position: number; guarded: boolean }

/** What it was proved by has ended: another change came first. */
export class RightEnded extends Error {}

/** Where in the registry the password was set, so that who set it can go on; `null`: others have changed it since. */
export type PasswordSet = { registry_position: number } | null

/**
 * Sets a password by a right of one's own. Of two changes by the same right one wins, in whatever process: what sets
 * the password ends the right, in the log. RightEnded, before anything is changed, for the other one.
 */
export async function setOwnPassword(
  authorize: Authorize,
  ctx: HttpContext,
  right: Right,
  password: string,
): Promise<PasswordSet> {
  const { sub } = right
  const hashed = await authorize.hashing.hash(password)
  let decided = 0
  const decide: Decide = (read, { data }) => {
    // Once the password of an epoch is committed it counts: only before that it may be refused.
    if (data.password_epoch <= decided) return Promise.resolve()
    const user = read.entities.get(registryKey('user', sub))
    const barred = data.guard_revision !== undefined && !right.guarded
    if (barred || hasEndedWith(user, right.registry_position)) return Promise.reject(new RightEnded())
    decided = data.password_epoch
    return Promise.resolve()
  }
  const context = eventContext(ctx, { type: 'user', id: sub })
  const user = await setPassword(authorize.passwords, { sub, hashed, context }, decide)
  if (!user) throw new RightEnded()
  return user.password_epoch === decided && user.not_before !== null ? { registry_position: user.not_before + 1 } : null
}
