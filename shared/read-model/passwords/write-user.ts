import type { EventContext } from '../../event-log/event-codec.ts'
import { needsGuard } from '../../ledger/access/guard.ts'
import type { EntityFact } from '../../ledger/events.ts'
import { registryKey } from '../../ledger/registry/kinds.ts'
import type { UserEntity } from '../../ledger/registry/state.ts'
import { type ExternalAccount, isSealed, type SealedUser, type User } from '../../ledger/user.ts'
import { commitAndRead } from '../commit/commit.ts'
import { readUser } from '../reads/living-user.ts'
import type { RegistryQuestion, RegistryRead } from '../reads/registry.ts'
import { Unsettled } from '../unsettled.ts'
import type { PasswordSetting } from './set-password.ts'

/** What it takes to write a user in the course of a login. */
export type UserWriting = Omit<PasswordSetting, 'knex'>

/** The user as it is to be. Who is named anew is given in clear, and sealed here. */
export type WantedUser = { user: User; external: readonly ExternalAccount[] }

type UserPut = Extract<EntityFact, { type: 'UserPut' }>

export type UserWrite = {
  sub: string
  /** What has to be known beside the user itself. */
  question: Partial<RegistryQuestion>
  context: EventContext
  /** `null`: it is as it should be, or must not be written. Asked again after each write. */
  wanted: (user: UserEntity | null, read: RegistryRead) => WantedUser | null
}

const ATTEMPTS = 10

/**
 * Writes a user until nothing is left to be written, and answers what that was seen in. Of one who reaches `ledger.*`
 * it is decided under the guard's counter. Unsettled where others write it again and again.
 */
export async function writeUser(writing: UserWriting, write: UserWrite): Promise<RegistryRead> {
  const readAgain = () => readUser(writing, write.sub, write.question)
  let read = await readAgain()
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const wanted = write.wanted(read.user, read)
    if (!wanted) return read
    const sealed = { ...(await sealedOf(writing, wanted.user, read.user)), external: [...wanted.external] }
    const fact = { type: 'UserPut' as const, data: { revision: revisionIn(read, write.sub) + 1, user: sealed } }
    const written = { fact: guardedBy(read, fact), context: write.context, decidedOn: read.checkpoint }
    read = (await commitAndRead(writing.commit, written, readAgain)).view
  }
  throw new Unsettled(`${ATTEMPTS} times another write came first`)
}

function guardedBy({ view, guard_revision }: RegistryRead, fact: UserPut): UserPut {
  return needsGuard(view, fact) ? { ...fact, data: { ...fact.data, guard_revision } } : fact
}

function sealedOf({ people }: UserWriting, user: User, before: UserEntity | null): SealedUser | Promise<SealedUser> {
  if (isSealed(user)) return user
  return people.seal(user, before?.value && isSealed(before.value) ? before.value : null)
}

function revisionIn({ entities }: RegistryRead, sub: string): number {
  return entities.get(registryKey('user', sub))?.revision ?? 0
}
