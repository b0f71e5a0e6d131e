import { placeText, type TopicPartition } from '../event-log/places.ts'

/** A `fresh_as_of` (ms) as one statement read it, with the database's time in it; `sentAt`: when that was asked for. */
export type Stamped = { stamp: number | null; now: number; sentAt: number }

/**
 * As of when a partition may be believed to be complete, at `now`; `null` = not known. A stamp later than now is from a
 * clock that was set back since: unknown, also once that clock has caught up with it. And a stamp ages by this
 * process's own monotonic clock too, so that no step of the database's makes it younger.
 */
export type Stamps = (place: TopicPartition, stamped: Stamped) => number | null

/** A replica's clock may differ a little from that of the primary, which wrote the stamp: that is no step. */
const STEP_MS = 1_000

type Seen = { stamp: number; age: number; seenAt: number }

/** What one process remembers of the stamps that it read: only the latest of each partition. */
export function createStamps(monotonic: () => number = () => performance.now()): Stamps {
  const latest = new Map<string, Seen>()

  function seen(name: string, stamp: number, now: number): Seen {
    const before = latest.get(name)
    if (before?.stamp === stamp) return before
    const first = { stamp, age: now - stamp, seenAt: monotonic() }
    latest.set(name, first)
    return first
  }

  return (place, { stamp, now, sentAt }) => {
    if (stamp === null) return null
    const first = seen(placeText(place), stamp, now)
    if (stamp - now > STEP_MS) first.age = Infinity
    if (stamp > now) return null
    const age = Math.max(now - stamp, first.age + sentAt - first.seenAt)
    return age === Infinity ? null : Math.floor(now - age)
  }
}
