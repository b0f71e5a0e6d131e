import { ownName, timelineOf } from '../../shared/database/own-name.ts'
import type { Runtime } from '../../shared/process/runtime.ts'
import { startFreshness } from './freshness.ts'
import { watchLostCommits } from './lost-commits.ts'
import { startProjector } from './projector.ts'
import { startSweeper } from './sweeper.ts'
import { tellOfUnreadable } from './unreadable.ts'

export type RunningProjector = {
  /**
   * Rejects when the log gave up for good, or the database lost commits: then the process must end and another begin.
   */
  ended: Promise<void>
  stop(): Promise<void>
}

/** Follows the log into the read model, marks each second how fresh that is, and sweeps what has long been dead. */
export async function runProjector({
  knex,
  log,
  schema,
  topics,
  settings,
  logger,
  people,
}: Runtime): Promise<RunningProjector> {
  // Two databases must not share the partitions of one group: each would miss those of the other.
  const group = `${await ownName(knex, `${settings.KAFKA_TOPIC_PREFIX}.projector.${schema}`)}.${await timelineOf(knex)}`
  const readModel = { knex, schema, topics }
  await tellOfUnreadable(readModel, logger)
  const following = await startProjector({ ...readModel, people, log, group, logger })
  const stopFreshness = startFreshness({ ...readModel, log, logger, leave: following.leave })
  const everyMs = settings.SWEEP_INTERVAL * 1000
  const stopSweeper = startSweeper({ ...readModel, logger, reached: following.reached, everyMs })
  const commits = watchLostCommits(readModel, following.reached)
  return {
    ended: Promise.race([following.ended, commits.lost]),
    stop: async () => {
      commits.stop()
      await stopSweeper()
      await stopFreshness()
      await following.stop()
    },
  }
}
