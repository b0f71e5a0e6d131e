import { STALL_MS, STALLS_KEPT, type Stalls } from '../../shared/read-model/stall.ts'

/** A checkpoint after it was marked fresh as of a time (ms): what `markFresh` says in SQL. */
export function marked<Checkpoint extends Stalls>(before: Checkpoint, asOf: number): Checkpoint {
  const { fresh_as_of, stalls } = before
  if (fresh_as_of === null) return { ...before, fresh_as_of: asOf }
  if (fresh_as_of > asOf) {
    const back = ([from, to]: Stalls['stalls'][number]) =>
      [from - (fresh_as_of - asOf), Math.min(to - (fresh_as_of - asOf), asOf)] as const
    return { ...before, fresh_as_of: asOf, stalls: stalls.map(back) }
  }
  if (asOf - fresh_as_of <= STALL_MS) return { ...before, fresh_as_of: asOf }
  const stall = [Math.min(Math.max(fresh_as_of, stalls.at(-1)?.[1] ?? -Infinity), asOf), asOf] as const
  return { ...before, fresh_as_of: asOf, stalls: [...stalls, stall].slice(-STALLS_KEPT) }
}
