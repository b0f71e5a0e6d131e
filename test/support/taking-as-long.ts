import type { ExecutionContext } from 'ava'

/** Milliseconds that answers took. */
export type Times = { known: number[]; unknown: number[] }

const ROUNDS = 7
const isAlike = (ratio: number) => ratio > 0.67 && ratio < 1.5

/**
 * Asserts that nobody can tell one kind from the other by the medians of seven rounds. Noise of the machine can part
 * two medians once, but not three times; what somebody can use is there always.
 */
export async function alike(t: ExecutionContext, round: (times: Times) => Promise<void>): Promise<void> {
  const ratios: number[] = []
  while (ratios.length < 3 && !ratios.some(isAlike)) {
    const times: Times = { known: [], unknown: [] }
    for (let at = 0; at < ROUNDS; at += 1) await round(times)
    ratios.push(medianOf(times.unknown) / medianOf(times.known))
  }
  t.true(isAlike(ratios.at(-1) ?? 0), `unknown to known: ${ratios.join(', ')}`)
}

const medianOf = (times: number[]) => times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0
