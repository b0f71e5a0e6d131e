/** One partition of one topic: a place of the log. Made here, and named and compared here, and nowhere else. */
export type TopicPartition = { topic: string; partition: number }

/** The topics of one ledger. */
export type Topics = { grants: string; registry: string }

/** How many partitions the topic of the grants has, for ever: a grant never moves. */
export const GRANT_PARTITIONS = 12

/** The topics of the ledger with this prefix. */
export function topicsOf(prefix: string): Topics {
  return { grants: `${prefix}.grants`, registry: `${prefix}.registry` }
}

/** The partition of a grant: the last 4 bytes of its UUID as a big-endian uint32, modulo 12. */
export function partitionOf(grant_id: string): number {
  return parseInt(grant_id.slice(-8), 16) % GRANT_PARTITIONS
}

/** Where a grant's records lie. */
export function placeOf(topics: Topics, grant_id: string): TopicPartition {
  return { topic: topics.grants, partition: partitionOf(grant_id) }
}

/** Where the registry's records lie: one partition, so that there is one order and names are unique. */
export function registryPlace(topics: Topics): TopicPartition {
  return { topic: topics.registry, partition: 0 }
}

/** The topics of a ledger with how many partitions each has: what `create` makes and `problems` looks at. */
export function shapeOf(topics: Topics): { topic: string; partitions: number }[] {
  return [
    { topic: topics.grants, partitions: GRANT_PARTITIONS },
    { topic: topics.registry, partitions: 1 },
  ]
}

/** Every place of a ledger. */
export function placesOf(topics: Topics): TopicPartition[] {
  return shapeOf(topics).flatMap(({ topic, partitions }) =>
    Array.from({ length: partitions }, (_, partition) => ({ topic, partition })),
  )
}

/** The one text form, `TOPIC/PARTITION`: for people, and as the key of maps. */
export function placeText({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`
}

export function isSamePlace(a: TopicPartition, b: TopicPartition): boolean {
  return a.topic === b.topic && a.partition === b.partition
}

/** For sorting: by topic, then by partition. */
export function comparePlaces(a: TopicPartition, b: TopicPartition): number {
  if (a.topic !== b.topic) return a.topic < b.topic ? -1 : 1
  return a.partition - b.partition
}
