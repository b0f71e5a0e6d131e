import { requireProjected } from '../../../shared/read-model/reads/freshness.ts'
import { placesOf } from '../../../shared/event-log/places.ts'
import type { KeyUseReader } from '../../../shared/read-model/key-uses/key-uses.ts'
import type { Admin } from '../admin.ts'
import { endGrant, readGrant, type Ending } from '../grants/end-grant.ts'

export type KeyRevoker = Pick<Admin, 'tokens' | 'commit' | 'waiter' | 'topics' | 'timeoutMs'> & {
  keyUses: KeyUseReader
}

/** `revoked`: how many grants were ended; `next`: where to go on, `null` = that was the last page. */
export type RevokedPage = { revoked: number; next: string | null }

type EndingByKey = Omit<Ending, 'reason' | 'decidedOn' | 'now'>

/** The reason that stands in the events. */
export const KEY_REVOKED = 'key_revoked'

const AT_ONCE = 100

/**
 * Ends the grants of one page that have anything living which was made with this key; durable and projected when it
 * resolves. The first page (`after` null) waits until the read model shows all that is in the log, so a pass over all
 * pages that ends nothing proves that nothing was left when it began. May be repeated and cut short: what is done stays
 * done.
 */
export async function revokeGrantsOfKey(
  revoker: KeyRevoker,
  { kid, after }: { kid: number; after: string | null },
  by: EndingByKey,
): Promise<RevokedPage> {
  if (after === null) await completeAsOfNow(revoker)
  const { grant_ids, next } = await revoker.keyUses.grantsOf(kid, after)
  let revoked = 0
  for (let from = 0; from < grant_ids.length; from += AT_ONCE) {
    const some = grant_ids.slice(from, from + AT_ONCE)
    const ended = await Promise.all(some.map((grant_id) => end(revoker, grant_id, by)))
    revoked += ended.filter((has) => has).length
  }
  return { revoked, next }
}

/** Waits until the read model shows all that the log held when this was called. */
export async function completeAsOfNow({ tokens, waiter, topics, timeoutMs }: KeyRevoker): Promise<void> {
  const { now } = await tokens({ client_id: null, grant_id: null, generation: 0 })
  await Promise.all(placesOf(topics).map((place) => waiter.freshAsOf(place, now, timeoutMs)))
}

async function end(revoker: KeyRevoker, grant_id: string, by: EndingByKey): Promise<boolean> {
  const { grant, checkpoint, now } = await readGrant(revoker, grant_id)
  requireProjected(checkpoint)
  if (grant.status === 'unknown') return false
  const ended = await endGrant(revoker, grant, { ...by, reason: KEY_REVOKED, decidedOn: checkpoint, now })
  return ended.status === 'revoked'
}
