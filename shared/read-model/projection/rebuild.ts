import { OperatorError } from '../../config/operator-error.ts'
import { refusalOf } from '../../database/away.ts'
import { chainStart } from '../../event-log/chain.ts'
import type { Bounds } from '../../event-log/event-log.ts'
import { cannotBeRead, type Progress, requireWhole, walkLog } from '../../event-log/fold-log.ts'
import { readSkips, type Skips } from '../../event-log/skips.ts'
import { createCheckpoints, markPartition, rememberCluster } from '../checkpoints.ts'
import { readPartitionHealth } from '../partition-health.ts'
import type { ReadModelTables, VerifySource } from '../read-model.ts'
import { REGISTRY_TABLES } from '../registry-rows.ts'
import { CheckpointTaken, project } from './project.ts'

const RUNNING_MS = 10_000

/**
 * Throws the read model away and folds the whole log anew. Offline: throws an OperatorError, with nothing changed, when
 * the read model was fresh within the last 10 s, unless `force`. Until a projector runs again, the services answer 503.
 */
export async function rebuild(source: VerifySource, { force }: { force: boolean }, progress?: Progress): Promise<void> {
  const { log, topics } = source
  if (!force) await requireNoProjector(source)
  const [bounds, cluster] = await Promise.all([log.bounds([topics.registry, topics.grants]), log.clusterId()])
  requireWhole(bounds)
  const skips = await readSkips(log, topics)
  await empty(source, bounds)
  await rememberCluster(source, cluster)
  const total = bounds.reduce((sum, { end }) => sum + end, 0)
  let before = 0
  for (const bound of bounds) {
    const onNext = (next: number) => progress?.(before + Math.min(next, bound.end), total)
    await foldPartition(source, bound, { skips, onNext })
    before += bound.end
  }
}

async function requireNoProjector(tables: ReadModelTables): Promise<void> {
  const partitions = await readPartitionHealth(tables)
  if (!partitions.some(({ lag_ms }) => lag_ms !== null && lag_ms < RUNNING_MS)) return
  throw new OperatorError('a projector runs, or ran within the last 10 s: stop it first, or say --force')
}

async function empty({ knex, schema }: ReadModelTables, bounds: Bounds[]): Promise<void> {
  const names = ['grants', 'bearer_tokens', ...Object.values(REGISTRY_TABLES).map(({ table }) => table)]
  const chains = bounds.map(({ topic, partition }) => ({
    topic,
    partition,
    chain: `\\x${chainStart(topic, partition).toString('hex')}`,
  }))
  await createCheckpoints({ knex, schema }, bounds)
  await knex.transaction(async (tx) => {
    // Checkpoints first, as every projector does: one that still runs waits here, then finds its own moved.
    await tx.raw(
      `UPDATE ${schema}.checkpoints c
          SET next = 0, last_offset = NULL, last_hash = NULL, first_hash = NULL, chain = s.chain, leader_epoch = NULL, cluster_id = NULL,
              fresh_as_of = NULL, status = 'ok', status_reason = NULL, void_count = 0,
              guard_revision = 0
         FROM json_to_recordset(?::json) AS s(topic text, partition int, chain bytea)
        WHERE c.topic = s.topic AND c.partition = s.partition`,
      [JSON.stringify(chains)],
    )
    await tx.raw(`TRUNCATE ${names.map((name) => `${schema}.${name}`).join(', ')}`)
  })
}

type Folding = { skips: Skips; onNext: (next: number) => void }

async function foldPartition(source: VerifySource, bound: Bounds, { skips, onNext }: Folding): Promise<void> {
  for await (const step of walkLog(source.log, { ...bound, from: 0, to: bound.end }, { skips })) {
    const refused = await project(source, [step], 'record').then(() => null, refusalOr)
    if (refused !== null) {
      const among = `a record at offset ${step.start} to ${step.position.next - 1} cannot be folded: ${refused}`
      return markPartition(source, bound, 'stopped', among)
    }
    onNext(step.position.next)
    if (step.stop) await markPartition(source, bound, 'stopped', cannotBeRead(step.stop))
  }
}

// The projector, which goes on from here, finds which record of these it is.
function refusalOr(error: unknown): string {
  if (error instanceof CheckpointTaken)
    throw new OperatorError('a projector has begun to run: stop it, then rebuild again')
  const refused = refusalOf(error)
  if (refused === null) throw error
  return refused
}
