import type { Logger } from 'pino'
import type { Following } from '../../shared/event-log/event-log.ts'
import { placeText, type TopicPartition } from '../../shared/event-log/places.ts'
import { repeat } from '../../shared/process/repeat.ts'
import type { Stopped } from './stopped.ts'

const EVERY_MS = 1_000

type Watched = { stopped: Pick<Stopped, 'mended'>; following: Pick<Following, 'offer'>; logger: Logger }

/**
 * Looks each second, while a partition stands still at a record, whether that is to be skipped now, and goes on then.
 * Answers how to stop looking.
 */
export function watchStopped({ stopped, following, logger }: Watched): () => Promise<void> {
  let mended: TopicPartition[] = []

  async function look(): Promise<void> {
    mended = [...mended, ...(await stopped.mended())]
    if (mended.length === 0) return
    logger.warn({ mended: mended.map(placeText) }, 'an operator has a record skipped: going on')
    await following.offer(mended)
    mended = []
  }

  const tell = (error: unknown) => logger.warn({ err: error }, 'stopped partitions could not be looked after')
  return repeat(() => look().catch(tell), EVERY_MS).stop
}
