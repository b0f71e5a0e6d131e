import type { People } from '../../../shared/accounts/people.ts'
import type { EntityFact } from '../../../shared/ledger/events.ts'
import type { RegistryEntity } from '../../../shared/ledger/registry/state.ts'
import { isSealed } from '../../../shared/ledger/user.ts'

/**
 * The fact as the log may hold it: what names a person is sealed, also where the record of before has it in clear. A
 * person who has no key yet gets one, committed. PersonForgotten.
 */
export async function sealed<Fact extends EntityFact>(
  people: Pick<People, 'seal'>,
  fact: Fact,
  entity: RegistryEntity | undefined,
): Promise<Fact> {
  const { data } = fact
  if (!('user' in data) || isSealed(data.user)) return fact
  const before = entity?.kind === 'user' && entity.value && isSealed(entity.value) ? entity.value : null
  return { ...fact, data: { ...data, user: await people.seal(data.user, before) } }
}
