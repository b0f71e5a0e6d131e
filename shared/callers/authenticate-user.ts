import type { Logger } from 'pino'
import type { Hashing, PasswordHash } from '../accounts/passwords/hashing.ts'
import { storeAnew } from '../accounts/passwords/passwords.ts'
import { isAheadOfLog, passwordCounts } from '../accounts/passwords/rules.ts'
import { type Refusal, refuse } from '../ledger/grant/commands/refusal.ts'
import { finishPassword, type PasswordSetting } from '../read-model/passwords/set-password.ts'
import type { Account, LoginView } from '../read-model/passwords/read-login.ts'
import { readSettled, type Settling } from '../read-model/reads/settled.ts'
import { keyNotHeld } from '../read-model/reads/settled-token.ts'
import type { Keys } from '../tokens/keys.ts'

/** What proves users. */
export type ProvingUsers = Settling & { keys: Keys; hashing: Hashing; passwords: PasswordSetting; logger: Logger }

/** Somebody who says to be the user of this name, for whom this grant would be. */
export type Login = { grant_id: string; password: string; read: () => Promise<LoginView> }

/** `view`: what the user was proved by; its `registry.next` is the registry position of whatever comes of the login. */
export type ProvenUser = { sub: string; view: LoginView; refused?: undefined } | { refused: Refusal }

/** The view once it shows as much of the registry as the stored password was confirmed by. Unsettled, WaitTimeout. */
export async function readLogin(proving: Settling, { grant_id, read }: Login, first: LoginView): Promise<LoginView> {
  const registry = first.account && isAhead(first.account) ? 'the password may be newer' : null
  const purpose = { doubts: () => ({ grants: null, registry }), recent: true }
  return readSettled(proving, { purpose, asked: { grant_id }, first, read })
}

/**
 * Proves a user by a password. Refused by the same work and in the same words whether there is no such user, none that
 * is enabled, no password that counts, or another one. A change that ended in the middle is gone on with, so that what
 * was granted before it ends. QueueFull where too many wait for scrypt.
 */
export async function authenticateUser(
  proving: ProvingUsers,
  { password, read }: Login,
  view: LoginView,
): Promise<ProvenUser> {
  const stored = storedIn(proving, view)
  const { right, anew } = await proving.hashing.verify(password, typeof stored === 'string' ? null : stored)
  if (typeof stored === 'string') return refusal(stored)
  const { account } = view
  if (!right || !account?.password) return refusal('password_wrong')
  const { user, password: standing } = account
  const sub = user.value?.sub ?? ''
  if (anew) await storeAnew(proving.passwords.knex, sub, standing.epoch, anew)
  if (!standing.pending) return { sub, view }
  await finishPassword(proving.passwords, sub)
  const after = await read()
  const isSame = after.account && after.account.password?.epoch === standing.epoch && counts(after.account)
  return isSame ? { sub, view: after } : refusal('password_changed')
}

/** What is stored of a password that counts; else why there is none. */
function storedIn({ keys, logger }: ProvingUsers, { account, keys: known }: LoginView): PasswordHash | string {
  if (!account?.user.value) return 'user_unknown'
  if (!account.user.value.enabled) return 'user_disabled'
  if (!account.password?.hashed) return 'password_unset'
  const { hashed } = account.password
  if (!counts(account)) return 'password_outdated'
  if (known.get(hashed.kid) === 'retired') return 'password_key_retired'
  if (!keys.kids.includes(hashed.kid)) throw keyNotHeld(logger, hashed.kid)
  return hashed
}

/** Why nobody is logged in; whoever asked is told no more than that. */
export function loginRefused(reason: string): Refusal {
  return refuse('invalid_grant', reason, 'The user name or the password is not right.')
}

function refusal(reason: string): { refused: Refusal } {
  return { refused: loginRefused(reason) }
}

function counts({ user, password }: Account): boolean {
  return password !== null && passwordCounts({ ...password, password_epoch: user.password_epoch ?? 0 })
}

function isAhead({ user, password }: Account): boolean {
  return password !== null && isAheadOfLog({ ...password, password_epoch: user.password_epoch ?? 0 })
}
