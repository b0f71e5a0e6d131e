import { foldLog, walkKey } from '../../../shared/event-log/fold-log.ts'
import { placeOf } from '../../../shared/event-log/places.ts'
import type { Skips } from '../../../shared/event-log/skips.ts'
import type { VerifySource } from '../../../shared/read-model/read-model.ts'
import { type Difference, leftOver } from './compare.ts'
import type { Suspicion } from './expect-grants.ts'
import { expectGrant } from './expectation.ts'
import { readGrantRows } from './stored-rows.ts'

/**
 * What is wrong with a grant, named by its column where it is there still: its rows are read once more, in full and in
 * one snapshot, and held against its own records. What was found is told in any case.
 */
export async function lookAgain(
  source: VerifySource,
  { grant_id, named, looksAgain }: Suspicion,
  skips: Skips,
): Promise<Difference> {
  return (looksAgain ? await differenceOf(source, grant_id, skips) : null) ?? named
}

async function differenceOf(source: VerifySource, grant_id: string, skips: Skips): Promise<Difference | null> {
  const { log, topics } = source
  const place = placeOf(topics, grant_id)
  const snapshot = await readGrantRows(source, place, grant_id)
  const expectation = expectGrant(snapshot)
  const range = { ...place, from: 0, to: snapshot.checkpoint?.next ?? 0 }
  for await (const { judged } of foldLog(walkKey(log, range, { skips, key: grant_id }))) {
    const difference = expectation.take(judged)
    if (difference) return difference
  }
  return expectation.end() ?? leftOver(snapshot)
}
