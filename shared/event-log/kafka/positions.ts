import type { Consumer } from 'kafkajs'
import { placeText, type TopicPartition } from '../places.ts'

export type Position = TopicPartition & { offset: number }

/** Where the follower wants to go on in each partition that it has. Kafka's own idea of it is never asked. */
export function createPositions(consumer: Consumer) {
  const wanted = new Map<string, number>()
  const left = new Set<string>()

  // A batch of control records only never reaches eachBatch: kafkajs goes on behind it by itself.
  consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload: { topic, partition, batchSize, lastOffset } }) => {
    const offset = wanted.get(placeText({ topic, partition }))
    if (batchSize === 0 && offset !== undefined) advance({ topic, partition }, Math.max(offset, Number(lastOffset) + 1))
  })

  function advance(place: TopicPartition, offset: number): void {
    wanted.set(placeText(place), offset)
  }

  function seek({ topic, partition, offset }: Position): void {
    advance({ topic, partition }, offset)
    consumer.seek({ topic, partition, offset: String(offset) })
  }

  /** From a new assignment on nothing is fetched until `resume`. */
  function assign(places: TopicPartition[]): void {
    wanted.clear()
    left.clear()
    consumer.pause(byTopic(places))
  }

  function resume(positions: Position[]): void {
    for (const position of positions) {
      left.delete(placeText(position))
      seek(position)
    }
    consumer.resume(byTopic(positions))
  }

  function leave(place: TopicPartition): void {
    wanted.delete(placeText(place))
    left.add(placeText(place))
    consumer.pause(byTopic([place]))
  }

  return {
    of: (place: TopicPartition) => wanted.get(placeText(place)),
    isLeft: (place: TopicPartition) => left.has(placeText(place)),
    advance,
    seek,
    assign,
    resume,
    leave,
  }
}

function byTopic(places: TopicPartition[]): { topic: string; partitions: number[] }[] {
  const topics = [...new Set(places.map(({ topic }) => topic))]
  return topics.map((topic) => ({
    topic,
    partitions: places.filter((place) => place.topic === topic).map(({ partition }) => partition),
  }))
}
