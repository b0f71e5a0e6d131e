/** The two topics of one ledger. */
export type Topics = { grants: string; registry: string }

/** Where in the log something stands, without the offset. */
export type TopicPartition = { topic: string; partition: number }

/** How many partitions `token-ledger.grants` has, for ever: a grant never moves. */
export const GRANT_PARTITIONS = 12

/** The partition of a grant: the last 4 bytes of its UUID as a big-endian uint32, modulo 12. */
export function partitionOf(grant_id: string): number {
  return parseInt(grant_id.slice(-8), 16) % GRANT_PARTITIONS
}

/** Where all events of a grant stand. */
export function placeOf({ grants }: Topics, grant_id: string): TopicPartition {
  return { topic: grants, partition: partitionOf(grant_id) }
}

/** Where the registry stands: one partition, because names are unique in one order. */
export function registryPlace({ registry }: Topics): TopicPartition {
  return { topic: registry, partition: 0 }
}

/** The text form of a place; also its key in a map. */
export function placeText({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`
}

/** The topics of one ledger. */
export function topicsOf(prefix: string): Topics {
  return { grants: `${prefix}.grants`, registry: `${prefix}.registry` }
}

/** The topics of a ledger with their partitions: what `create` makes and `problems` looks at. */
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
