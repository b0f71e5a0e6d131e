import { lives, type UserEntity } from '../../ledger/registry/state.ts'
import { type ExternalAccount, externalOf } from '../../ledger/user.ts'
import { registryKey } from '../../ledger/registry/kinds.ts'
import { requireRecent } from '../reads/freshness.ts'
import type { RegistryRead, RegistryReader } from '../reads/registry.ts'

/**
 * Who signs in by the word of somebody else, and what that was read with: `read.checkpoint.next` is the registry
 * position of whatever comes of the login. `user: null`: nobody who lives; one who is disabled is told.
 */
export type ExternalLogin = { user: UserEntity | null; read: RegistryRead }

type Reading = { registry: Pick<RegistryReader, 'read'>; maxLagMs: number }

/** Who signs in with this account elsewhere. Unsettled on a read model that is too old. */
export async function readByAccount({ registry, maxLagMs }: Reading, account: ExternalAccount): Promise<ExternalLogin> {
  const { issuer, sub_index } = account
  const read = await registry.read({ external_indexes: [sub_index] })
  requireRecent(read.checkpoint, read.now, maxLagMs)
  const users = [...read.entities.values()].filter((entity) => entity.kind === 'user')
  const user = users.find(({ value }) => {
    return value && externalOf(value).some((one) => one.issuer === issuer && one.sub_index === sub_index)
  })
  return { user: user ?? null, read }
}

/** The user of this `sub`. Unsettled on a read model that is too old. */
export async function readBySub({ registry, maxLagMs }: Reading, sub: string): Promise<ExternalLogin> {
  const read = await registry.read({ subs: [sub] })
  requireRecent(read.checkpoint, read.now, maxLagMs)
  const entity = read.entities.get(registryKey('user', sub))
  return { user: entity?.kind === 'user' && lives(entity) ? entity : null, read }
}
