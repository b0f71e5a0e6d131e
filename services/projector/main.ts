import type { Runtime } from '../../shared/config/runtime.ts'
import { startFreshness } from './freshness.ts'
import { startProjector } from './projector.ts'

export type RunningProjector = {
  /** Rejects when the log gave up for good: then the process must end, so that another takes over. */
  ended: Promise<void>
  stop(): Promise<void>
}

/** Follows the log into the read model, and marks each second how fresh that is. */
export async function runProjector({
  knex,
  log,
  schema,
  topics,
  settings,
  logger,
}: Runtime): Promise<RunningProjector> {
  const group = `${settings.KAFKA_TOPIC_PREFIX}.projector.${schema}`
  const following = await startProjector({ knex, log, schema, topics, group, logger })
  const stopFreshness = startFreshness({ knex, log, schema, topics: [topics.grants, topics.registry], logger })
  return {
    ended: following.ended,
    stop: async () => {
      await stopFreshness()
      await following.stop()
    },
  }
}
