import { placeText, type TopicPartition } from '../../shared/event-log/places.ts'
import type { Skips } from '../../shared/event-log/skips.ts'

export type Stopped = {
  /** This partition begins, with the skips that are known now. */
  began(place: TopicPartition): void
  /** This partition stopped at a record. */
  add(place: TopicPartition): void
  /** Looks for skips: the partitions that stopped here and got one since they began, each told once. */
  mended(): Promise<TopicPartition[]>
}

/** The partitions of one projector process that stand still at a record. */
export function createStopped(skips: Skips): Stopped {
  const begunWith = new Map<string, number>()
  const stopped = new Map<string, TopicPartition>()

  async function mended(): Promise<TopicPartition[]> {
    if (stopped.size === 0) return []
    await skips.look()
    const found = [...stopped].filter(([name, place]) => skips.countOf(place) > (begunWith.get(name) ?? 0))
    for (const [name] of found) stopped.delete(name)
    return found.map(([, place]) => place)
  }

  return {
    began: (place) => {
      stopped.delete(placeText(place))
      begunWith.set(placeText(place), skips.countOf(place))
    },
    add: (place) => void stopped.set(placeText(place), place),
    mended,
  }
}
