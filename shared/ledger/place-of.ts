/** How many partitions `token-ledger.grants` has, for ever: a grant never moves. */
export const GRANT_PARTITIONS = 12

/** The partition of a grant: the last 4 bytes of its UUID as a big-endian uint32, modulo 12. */
export function placeOf(grant_id: string): number {
  return parseInt(grant_id.slice(-8), 16) % GRANT_PARTITIONS
}
