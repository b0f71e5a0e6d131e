import { availableParallelism, loadavg } from 'node:os'

/**
 * A limit (ms) that holds on a machine with nothing else to do; beside other work it gets its share of the processors
 * only.
 */
export function inTime(ms: number): number {
  return ms * Math.max(1, (loadavg()[0] ?? 0) / availableParallelism())
}
