import type { Logger } from 'pino'
import { ownCommand } from '../../../shared/config/own-command.ts'
import type { Settings } from '../../../shared/config/settings.ts'
import { placeText } from '../../../shared/event-log/places.ts'
import type { VerifySource } from '../../../shared/read-model/read-model.ts'
import { type PartitionStatus, projectionStatus } from './projection-status.ts'

/** Says at a start what `mendingOf` says. */
export async function tellOfOtherTimes(source: VerifySource, { MAX_LAG }: Settings, logger: Logger): Promise<void> {
  const { partitions } = await projectionStatus(source, MAX_LAG * 1000)
  for (const sentence of mendingOf(partitions)) logger.warn(sentence)
}

/**
 * What to do where log and read model are not of one time, as after one of them was restored from a backup: a sentence
 * and its commands each.
 */
export function mendingOf(partitions: PartitionStatus[]): string[] {
  return [...whereLogIsOlder(partitions), ...whereLogIsNewer(partitions)]
}

function whereLogIsOlder(partitions: PartitionStatus[]): string[] {
  const [first, ...more] = partitions.filter(({ status, next, end }) => {
    return status === 'diverged' || (next !== null && end !== null && next > end)
  })
  if (!first) return []
  const others = more.length > 0 ? `, and ${more.length} more partitions` : ''
  return [
    `The log is not the one that was folded (${placeText(first)}: ${first.problem ?? first.status}${others}): it lost ` +
      'records, or it is an older copy. If no newer one is left, make a read model anew from it, beside running ' +
      `services, and have them read it: ${ownCommand()} projection rebuild, then ${ownCommand()} projection switch`,
  ]
}

function whereLogIsNewer(partitions: PartitionStatus[]): string[] {
  const behind = partitions.filter(({ status, lag, problem }) => status === 'ok' && lag !== null && lag > 0 && problem)
  // What was never complete is no older copy, but new.
  if (behind.every(({ age_ms }) => age_ms === null)) return []
  const records = behind.reduce((sum, { lag }) => sum + (lag ?? 0), 0)
  return [
    `The read model is ${records} records behind the log, as after its backup was restored. A projector folds them: ` +
      `${ownCommand()} serve projector`,
  ]
}
