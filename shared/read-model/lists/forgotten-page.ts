import { registryPlace } from '../../event-log/places.ts'
import type { Freshness } from '../reads/freshness.ts'
import type { TimedReadModel } from '../reads/tokens.ts'
import { createPageReader } from './page.ts'

/** Each `sub` of one page; `checkpoint`: how far the registry was folded in its statement. */
export type ForgottenPage = { subs: string[]; next: string[] | null; now: number; checkpoint: Freshness }

export type ForgottenPageReader = (asked: { after: string[] | null; limit: number }) => Promise<ForgottenPage>

/** Reads whom the ledger has forgotten, in the order of `sub`. */
export function createForgottenPageReader(readModel: TimedReadModel): ForgottenPageReader {
  const { schema, topics } = readModel
  const read = createPageReader(readModel)
  const list = {
    from: `${schema}.users`,
    row: 'to_json(t.sub)',
    conditions: [{ sql: "t.personal_state = 'forgotten'", bindings: [] }],
    key: [{ sql: 't.sub COLLATE "C"', type: 'text' as const }],
    topics: [topics.registry],
  }
  return async (asked) => {
    const { rows: subs, next, now, freshnessOf } = await read<string>({ ...list, ...asked })
    return { subs, next, now, checkpoint: freshnessOf(registryPlace(topics)) }
  }
}
