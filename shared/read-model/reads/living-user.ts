import { registryKey } from '../../ledger/registry/kinds.ts'
import { lives, type UserEntity } from '../../ledger/registry/state.ts'
import { requireRecent } from './freshness.ts'
import type { RegistryQuestion, RegistryRead, RegistryReader } from './registry.ts'

/** A user, and what was read with it. `user: null`: nobody who lives; one who is disabled is told. */
export type UserRead = RegistryRead & { user: UserEntity | null }

/** What users are read with. */
export type UserReading = { registry: Pick<RegistryReader, 'read'>; maxLagMs: number }

/** The living user of this `sub`, and whatever is asked for beside it. Unsettled on a read model that is too old. */
export async function readUser(
  { registry, maxLagMs }: UserReading,
  sub: string,
  question: Partial<RegistryQuestion> = {},
): Promise<UserRead> {
  const read = await registry.read({ ...question, subs: [sub] })
  requireRecent(read.checkpoint, read.now, maxLagMs)
  const entity = read.entities.get(registryKey('user', sub))
  return { ...read, user: entity?.kind === 'user' && lives(entity) ? entity : null }
}
