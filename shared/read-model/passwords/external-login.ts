import { type ExternalAccount, externalOf, isSameAccount } from '../../ledger/user.ts'
import { requireRecent } from '../reads/freshness.ts'
import type { UserRead, UserReading } from '../reads/living-user.ts'

/**
 * Who signs in with this account elsewhere: `checkpoint.next` is the registry position of whatever comes of the
 * login. Unsettled on a read model that is too old.
 */
export async function readByAccount({ registry, maxLagMs }: UserReading, account: ExternalAccount): Promise<UserRead> {
  const read = await registry.read({ external_indexes: [account.sub_index] })
  requireRecent(read.checkpoint, read.now, maxLagMs)
  const users = [...read.entities.values()].filter((entity) => entity.kind === 'user')
  const user = users.find(({ value }) => value && externalOf(value).some(isSameAccount(account)))
  return { ...read, user: user ?? null }
}
