import { readTimedHealth } from '../../read-model/partition-health.ts'
import { repeat } from '../repeat.ts'
import type { Runtime } from '../runtime.ts'

const EVERY_MS = 1_000

/**
 * Each second: asks the database for its time and the checkpoints' stamps, so that a clock that steps is noticed, and
 * an old stamp known for old, also by a process that nobody asks anything. One that does not answer is somebody else's
 * to report.
 */
export function watchClocks(runtime: Runtime): { stop: () => Promise<void> } {
  return repeat(() => look(runtime), EVERY_MS)
}

async function look(runtime: Runtime): Promise<void> {
  const answer = await readTimedHealth(runtime).catch(() => null)
  if (answer && answer.now !== null) runtime.clocks.database(answer.now, answer.sentAt)
}
