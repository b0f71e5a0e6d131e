import type { People } from '../../accounts/people.ts'
import type { EventContext } from '../../event-log/event-codec.ts'
import { needsGuard } from '../../ledger/access/guard.ts'
import type { EntityFact } from '../../ledger/events.ts'
import { registryKey } from '../../ledger/registry/kinds.ts'
import type { UserEntity } from '../../ledger/registry/state.ts'
import { type ExternalAccount, isSealed, type SealedUser, type User } from '../../ledger/user.ts'
import { type Commit, commitAndRead } from '../commit/commit.ts'
import { requireRecent } from '../reads/freshness.ts'
import type { RegistryQuestion, RegistryRead, RegistryReader } from '../reads/registry.ts'
import { Unsettled } from '../unsettled.ts'

/** What it takes to write a user in the course of a login. */
export type UserWriting = {
  registry: Pick<RegistryReader, 'read'>
  commit: Commit
  people: Pick<People, 'seal'>
  maxLagMs: number
}

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
  let read = await readAll(writing, write)
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const user = userIn(read, write.sub)
    const wanted = write.wanted(user, read)
    if (!wanted) return read
    const sealed = { ...(await sealedOf(writing, wanted.user, user)), external: [...wanted.external] }
    const fact = { type: 'UserPut' as const, data: { revision: revisionIn(read, write.sub) + 1, user: sealed } }
    const written = { fact: guardedBy(read, fact), context: write.context, decidedOn: read.checkpoint }
    read = (await commitAndRead(writing.commit, written, () => readAll(writing, write))).view
  }
  throw new Unsettled(`${ATTEMPTS} times another write came first`)
}

function guardedBy({ view, guard_revision }: RegistryRead, fact: UserPut): UserPut {
  return needsGuard(view, fact) ? { ...fact, data: { ...fact.data, guard_revision } } : fact
}

async function readAll({ registry, maxLagMs }: UserWriting, { sub, question }: UserWrite): Promise<RegistryRead> {
  const read = await registry.read({ ...question, subs: [sub] })
  requireRecent(read.checkpoint, read.now, maxLagMs)
  return read
}

function sealedOf({ people }: UserWriting, user: User, before: UserEntity | null): SealedUser | Promise<SealedUser> {
  if (isSealed(user)) return user
  return people.seal(user, before?.value && isSealed(before.value) ? before.value : null)
}

function userIn({ entities }: RegistryRead, sub: string): UserEntity | null {
  const entity = entities.get(registryKey('user', sub))
  return entity?.kind === 'user' && entity.value ? entity : null
}

function revisionIn({ entities }: RegistryRead, sub: string): number {
  return entities.get(registryKey('user', sub))?.revision ?? 0
}
