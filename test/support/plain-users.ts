import { envelop, outgoing } from '../../shared/event-log/event-codec.ts'
import type { PlainUser } from '../../shared/ledger/user.ts'
import type { Runtime } from '../../shared/process/runtime.ts'
import { ISSUER } from './ledger.ts'

/** Puts a new user in clear, as releases did that had no keys of persons. Resolves when the read model shows it. */
export async function putPlainUser(
  { log, topics, waiter }: Pick<Runtime, 'log' | 'topics' | 'waiter'>,
  user: PlainUser,
): Promise<void> {
  const fact = { type: 'UserPut', data: { revision: 1, user } } as const
  const record = outgoing(envelop(fact, ISSUER, { actor: 'system/test' }, Date.now()), topics)
  const { offset } = await log.append(record)
  await waiter.past({ ...record, offset }, 20_000)
}
