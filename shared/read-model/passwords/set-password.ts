import type { Knex } from 'knex'
import type { PasswordHash } from '../../accounts/passwords/hashing.ts'
import {
  claimPassword,
  confirmPassword,
  dropPassword,
  type Password,
  readPassword,
} from '../../accounts/passwords/passwords.ts'
import type { People } from '../../accounts/people.ts'
import type { EventContext } from '../../event-log/event-codec.ts'
import { needsGuard } from '../../ledger/access/guard.ts'
import type { EntityFact } from '../../ledger/events.ts'
import type { UserEntity } from '../../ledger/registry/state.ts'
import { isSealed, type User } from '../../ledger/user.ts'
import { readUser, type UserReading } from '../reads/living-user.ts'
import type { RegistryRead } from '../reads/registry.ts'
import { Unsettled } from '../unsettled.ts'
import { type Commit, commitAndRead } from '../commit/commit.ts'

// A password stands in schema `ledger`, and which one counts in the log. So it is changed in this order, and whoever
// meets a change that ended in the middle goes on with it: the password is committed for the next epoch, pending; the
// event of that epoch is appended; the password is confirmed. Nobody logs in with a password whose epoch the log has
// passed: a row of before, as a failover or a restored dump brings it back, is no password at all.

/** What it takes to set passwords. */
export type PasswordSetting = UserReading & { knex: Knex; commit: Commit; people: Pick<People, 'seal'> }

/** Throws where this must not be done, by the registry as it stands before the event. */
export type Decide = (read: RegistryRead, fact: EntityFact & { type: 'UserPasswordSet' }) => Promise<void>

/** Whose password is set to what (`null`: to none), and who does it. */
export type NewPassword = { sub: string; hashed: PasswordHash | null; context: EventContext & { actor: string } }

const ATTEMPTS = 10

/**
 * Sets a password, or removes it; durable and projected when it resolves with the user, `null`: there is none. All
 * grants of before have ended then. Unsettled where others write at the same time, again and again.
 */
export async function setPassword(
  setting: PasswordSetting,
  { sub, hashed, context }: NewPassword,
  decide: Decide,
): Promise<UserEntity | null> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const read = await readUser(setting, sub)
    const { user } = read
    if (!user) return null
    const standing = await readPassword(setting.knex, sub)
    if (unfinished(standing, user)) {
      await finishPassword(setting, sub, decide)
      continue
    }
    const epoch = Math.max(standing?.epoch ?? 0, user.password_epoch ?? 0) + 1
    await decide(read, await factOf(setting, read, user, epoch))
    const isFirst = await claimPassword(setting.knex, { sub, epoch, set_by: context.actor, hashed })
    if (!isFirst) continue
    const set = await appendPassword(setting, { sub, epoch, context, decide })
    // Deleted meanwhile, perhaps before there was this row to be forgotten.
    if (!set) await dropPassword(setting.knex, sub, epoch)
    return set
  }
  throw new Unsettled(`${ATTEMPTS} times another change of this password came first`)
}

/** Goes on with a change that ended in the middle, as whoever began it. */
export async function finishPassword(setting: PasswordSetting, sub: string, decide?: Decide): Promise<void> {
  const standing = await readPassword(setting.knex, sub)
  const { user } = await readUser(setting, sub)
  const left = user && unfinished(standing, user)
  if (!left) return
  const { epoch, set_by } = left
  await appendPassword(setting, { sub, epoch, context: { actor: set_by }, ...(decide && { decide }) })
}

// Further ahead than by one: the log lost what it had. No such password lets anybody in, and the next one is later.
function unfinished(standing: Password | null, { password_epoch = 0 }: UserEntity): Password | null {
  return standing?.pending === true && standing.epoch <= password_epoch + 1 ? standing : null
}

type Appending = { sub: string; epoch: number; context: EventContext; decide?: Decide }

async function appendPassword(setting: PasswordSetting, appending: Appending): Promise<UserEntity | null> {
  const { sub, epoch, context, decide } = appending
  let read = await readUser(setting, sub)
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const { user } = read
    if (!user) return null
    if ((user.password_epoch ?? 0) >= epoch) {
      await confirmPassword(setting.knex, sub, epoch)
      return user
    }
    const fact = await factOf(setting, read, user, epoch)
    await decide?.(read, fact)
    const written = { fact, context, decidedOn: read.checkpoint }
    read = (await commitAndRead(setting.commit, written, () => readUser(setting, sub))).view
  }
  throw new Unsettled(`${ATTEMPTS} times another write of this user came first`)
}

async function factOf({ people }: PasswordSetting, read: RegistryRead, user: UserEntity, password_epoch: number) {
  const value = valueOf(user)
  const sealed = isSealed(value) ? value : await people.seal(value)
  const fact = { type: 'UserPasswordSet' as const, data: { revision: user.revision + 1, user: sealed, password_epoch } }
  if (!needsGuard(read.view, fact)) return fact
  return { ...fact, data: { ...fact.data, guard_revision: read.guard_revision } }
}

function valueOf({ value }: UserEntity): User {
  if (!value) throw new Error('a user who lives has a value')
  return value
}
