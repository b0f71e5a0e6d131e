import type { Parts } from '../process/open-parts.ts'

/** How many partitions `token-ledger.grants` has, for ever: a grant never moves. */
export const GRANT_PARTITIONS = 12

/** The partition of a grant: the last 4 bytes of its UUID as a big-endian uint32, modulo 12. */
export function placeOf(grant_id: string): number {
  return parseInt(grant_id.slice(-8), 16) % GRANT_PARTITIONS
}

export type TopicPartition = { topic: string; partition: number }

/** The topics of one ledger. */
export function topicsOf(prefix: string): { grants: string; registry: string } {
  return { grants: `${prefix}.grants`, registry: `${prefix}.registry` }
}

export type Topics = { grants: string; registry: string }

/** The topics of a ledger with their partitions: what `create` makes and `problems` looks at. */
export function shapeOf(topics: Parts['topics']): { topic: string; partitions: number }[] {
  return [
    { topic: topics.grants, partitions: GRANT_PARTITIONS },
    { topic: topics.registry, partitions: 1 },
  ]
}

export function partitionsOf(topics: Parts['topics']): TopicPartition[] {
  return shapeOf(topics).flatMap(({ topic, partitions }) =>
    Array.from({ length: partitions }, (_, partition) => ({ topic, partition })),
  )
}
