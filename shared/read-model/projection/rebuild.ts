import { OperatorError } from '../../config/operator-error.ts'
import { refusalOf } from '../../database/away.ts'
import { oneAhead } from '../../database/one-ahead.ts'
import type { Bounds } from '../../event-log/event-log.ts'
import { cannotBeRead, type FoldStep, type Progress, requireWhole, walkLog } from '../../event-log/fold-log.ts'
import { isSamePlace, placeText } from '../../event-log/places.ts'
import { readSkips, type Skips } from '../../event-log/skips.ts'
import { type Checkpoint, createCheckpoints, loadCheckpoints, markPartition, rememberCluster } from '../checkpoints.ts'
import type { ReadModel, VerifySource } from '../read-model.ts'
import { markBuilt } from '../versions/read-models.ts'
import { CheckpointTaken, project, withPeople } from './project.ts'

/** Who is this close to the end leaves the rest to the projectors. */
const CAUGHT_UP = 1_000

const ROUNDS = 20

/** `lanes`: how many partitions are folded at once; the embedded database takes one statement at a time. */
export type Rebuilding = { lanes: number; progress?: Progress }

/**
 * Fills a read model that nobody projects yet from the whole log, beside whatever is in use, and leaves it to the
 * projectors. Cut short, it goes on from its checkpoints when it is called again. OperatorError where another process
 * fills it.
 */
export async function fillReadModel(source: VerifySource, { lanes, progress }: Rebuilding): Promise<void> {
  const { log, topics, knex, schema } = source
  const names = [topics.registry, topics.grants]
  const [bounds, cluster] = await Promise.all([log.bounds(names), log.clusterId()])
  requireWhole(bounds)
  await createCheckpoints(source, bounds)
  await rememberCluster(source, cluster)
  const folding = { skips: await readSkips(log, topics), stopped: new Set<string>(), tell: teller(bounds, progress) }
  for (let round = 0; round < ROUNDS; round++) {
    const open = await openPartitions(source, folding.stopped)
    if (round > 0 && open.reduce((sum, { bound, checkpoint }) => sum + bound.end - checkpoint.next, 0) <= CAUGHT_UP)
      break
    await inLanes(lanes, open, (partition) => foldPartition(source, partition, folding))
  }
  await analyze(source, bounds)
  await markBuilt(knex, schema)
}

/**
 * What was filled at once has no statistics yet, and would be searched as if it were small. What is small must have
 * none: known to be so, it would be searched from end to end by plans that are kept while it grows.
 */
async function analyze({ knex, schema }: VerifySource, bounds: Bounds[]): Promise<void> {
  if (bounds.reduce((sum, { end }) => sum + end, 0) <= CAUGHT_UP) return
  const tables = ['grants', 'bearer_tokens', 'clients', 'users'].map((table) => `${schema}.${table}`)
  await knex.raw(`ANALYZE ${tables.join(', ')}`)
}

type Partition = { bound: Bounds; checkpoint: Checkpoint }

async function openPartitions(source: VerifySource, stopped: ReadonlySet<string>): Promise<Partition[]> {
  const bounds = await source.log.bounds([source.topics.registry, source.topics.grants])
  const checkpoints = await loadCheckpoints(source, [source.topics.registry, source.topics.grants])
  return bounds.flatMap((bound) => {
    const checkpoint = checkpoints.find((one) => isSamePlace(one, bound))
    return checkpoint && checkpoint.next < bound.end && !stopped.has(placeText(bound)) ? [{ bound, checkpoint }] : []
  })
}

type Folding = { skips: Skips; stopped: Set<string>; tell: (place: Bounds, next: number) => void }

async function foldPartition(source: VerifySource, { bound, checkpoint }: Partition, folding: Folding): Promise<void> {
  const range = { ...bound, from: checkpoint.next, to: bound.end }
  for await (const step of oneAhead(opened(source, walkLog(source.log, range, folding, checkpoint)))) {
    const refused = await project(source, [step], 'record').then(() => null, refusalOr)
    if (refused !== null) {
      const among = `a record at offset ${step.start} to ${step.position.next - 1} cannot be folded: ${refused}`
      return stop(source, bound, folding, among)
    }
    folding.tell(bound, step.position.next)
    if (step.stop) return stop(source, bound, folding, cannotBeRead(step.stop))
  }
}

// The people of the next step are opened while one is written.
async function* opened(source: VerifySource, steps: AsyncIterable<FoldStep>): AsyncGenerator<FoldStep> {
  for await (const step of steps) yield withPeople(source, step)
}

async function stop(source: ReadModel, bound: Bounds, { stopped }: Folding, reason: string): Promise<void> {
  stopped.add(placeText(bound))
  await markPartition(source, bound, 'stopped', reason)
}

// The projector, which goes on from here, finds which record of these it is.
function refusalOr(error: unknown): string {
  if (error instanceof CheckpointTaken)
    throw new OperatorError('another process fills this read model: let it, or stop it')
  const refused = refusalOf(error)
  if (refused === null) throw error
  return refused
}

/** What is done of the log as it was at the start. */
function teller(bounds: Bounds[], progress: Progress | undefined): Folding['tell'] {
  const total = bounds.reduce((sum, { end }) => sum + end, 0)
  const reached = new Map(bounds.map((bound) => [placeText(bound), 0]))
  return (bound, next) => {
    reached.set(placeText(bound), Math.min(next, bound.end))
    const done = [...reached.values()].reduce((sum, one) => sum + one, 0)
    progress?.(Math.min(done, total), total)
  }
}

async function inLanes<T>(lanes: number, items: T[], work: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items]
  const lane = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item)
  }
  await Promise.all(Array.from({ length: lanes }, lane))
}
