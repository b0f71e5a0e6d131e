import type { Logger } from 'pino'
import { OperatorError } from '../../shared/config/operator-error.ts'
import { recordHash } from '../../shared/event-log/chain.ts'
import type { Follower, Following, LogBatch } from '../../shared/event-log/event-log.ts'
import { refusalOf } from '../../shared/database/away.ts'
import { createBatcher } from '../../shared/database/batcher.ts'
import { oneAhead } from '../../shared/database/one-ahead.ts'
import { cannotBeFolded, cannotBeRead, type FoldStep, readBatch } from '../../shared/event-log/fold-log.ts'
import { onceAMinute } from '../../shared/event-log/once-a-minute.ts'
import { placeText } from '../../shared/event-log/places.ts'
import { CheckpointTaken, type KnownStep, project } from '../../shared/read-model/projection/project.ts'
import { Contradiction } from '../../shared/read-model/unsettled.ts'
import { alarmOfUnreadable } from './unreadable.ts'
import { watchStopped } from './watch-stopped.ts'
import { type Ready, roundsOf } from './rounds.ts'
import { createHeldCheckpoints, type Held, type HeldCheckpoints, type HeldOptions } from './held-checkpoints.ts'

/** `group`: the projectors that share the partitions out among them. */
export type ProjectorOptions = HeldOptions & { group: string }

/**
 * What became of a statement: its checkpoints may be another's by now, it can never be made or taken, or this process
 * cannot make it as it is configured.
 */
type Outcome = 'folded' | 'taken' | { refused: string } | OperatorError

/** Where a batch is continued; `null` = nowhere, an OperatorError = here again, once this process has what it lacks. */
type Answer = number | null | OperatorError

export type Projector = Following & Pick<HeldCheckpoints, 'reached' | 'leave'>

/**
 * Follows the log and folds it into the read model. Any number may run: the log shares the partitions out, and a
 * checkpoint moves only from where it stands, so two that overlap cannot both write.
 */
export async function startProjector(options: ProjectorOptions): Promise<Projector> {
  const { log, topics, group } = options
  const held = createHeldCheckpoints(options)
  const projection = { ...options, unreadable: alarmOfUnreadable(options, options.logger) }
  // Whatever arrives while a statement runs is folded together in the next.
  const take = tellingWhoWaits(createBatcher<LogBatch, Answer>(foldBatches), options.logger)

  async function foldBatches(batches: LogBatch[]): Promise<Answer[]> {
    const answers = new Map<LogBatch, Answer>()
    const ready: Ready[] = []
    for (const batch of batches) {
      const found = await verified(held, batch)
      if (typeof found !== 'object' || found === null) answers.set(batch, found)
      else ready.push({ batch, from: found })
    }
    // The people of the next round are opened while one is written.
    for await (const round of oneAhead(roundsOf(projection, ready, held.skips))) {
      const outcome = await fold(round.map(({ step }) => step))
      for (const { batch, step } of round) answers.set(batch, await answerOf(outcome, batch, step))
      if (outcome !== 'folded') break
    }
    return batches.map((batch) => answers.get(batch) ?? null)
  }

  async function fold(steps: KnownStep[]): Promise<Outcome> {
    return steps.length === 0 ? 'folded' : project(projection, steps).then(() => 'folded', outcomeOf)
  }

  async function answerOf(outcome: Outcome, batch: LogBatch, step: FoldStep): Promise<Answer> {
    if (outcome === 'folded') return settled(held, batch, step)
    return outcome === 'taken' ? beginAgain(held, batch) : foldAlone(batch)
  }

  // One record that PostgreSQL refuses must cost nobody else their place: halved until it is alone.
  async function foldAlone(batch: LogBatch): Promise<Answer> {
    const checkpoint = held.get(batch)
    if (!checkpoint) return beginAgain(held, batch)
    const step = { ...readBatch(batch, checkpoint, held.skips), known: checkpoint.known }
    const outcome = await fold([step])
    if (outcome instanceof OperatorError) return outcome
    if (typeof outcome !== 'object') return answerOf(outcome, batch, step)
    const halves = halvesOf(batch, checkpoint.next)
    if (halves === null) {
      const offset = offsetAfter(batch, checkpoint.next)
      return held.leave(batch, 'stopped', cannotBeFolded({ offset, reason: outcome.refused }))
    }
    const [first, second] = halves
    const next = await foldAlone(first)
    return next === first.next ? foldAlone(second) : next
  }

  const following = await log.follow(group, [topics.grants, topics.registry], { begin: held.begin, take })
  const stopWatching = watchStopped({ stopped: held, following, logger: options.logger })
  return {
    ...following,
    reached: held.reached,
    leave: held.leave,
    stop: async () => {
      await stopWatching()
      await following.stop()
    },
  }
}

/** Throws what was neither: a part that is away, or a bug. */
function outcomeOf(error: unknown): Outcome {
  if (error instanceof CheckpointTaken) return 'taken'
  if (error instanceof OperatorError) return error
  const refused = error instanceof Contradiction ? error.message : refusalOf(error)
  if (refused === null) throw error
  return { refused }
}

/** What waits for an operator raises an alarm, and is tried again as if a part was away: the follower does that. */
function tellingWhoWaits(fold: (batch: LogBatch) => Promise<Answer>, logger: Logger): Follower['take'] {
  const isItsTurn = onceAMinute()
  return async (batch) => {
    const answer = await fold(batch)
    if (!(answer instanceof OperatorError)) return answer
    const { topic, partition } = batch
    const fields = { alarm: 'operator_needed', topic, partition, reason: answer.message }
    if (isItsTurn(placeText(batch) + answer.message)) logger.error(fields, 'partition waits')
    throw answer
  }
}

/** The two halves of what lies beyond `from`, or null where that is one record at most. */
function halvesOf(batch: LogBatch, from: number): [LogBatch, LogBatch] | null {
  const ahead = batch.records.filter(({ offset }) => offset >= from)
  const middle = ahead[Math.ceil(ahead.length / 2)]?.offset
  if (middle === undefined) return null
  const [before, after] = [
    ahead.filter(({ offset }) => offset < middle),
    ahead.filter(({ offset }) => offset >= middle),
  ]
  return [
    { ...batch, next: middle, records: before },
    { ...batch, start: middle, records: after },
  ]
}

function offsetAfter(batch: LogBatch, from: number): number {
  return batch.records.find(({ offset }) => offset >= from)?.offset ?? from
}

/**
 * The checkpoint that a batch continues; or the offset to go on from; or null to leave the partition. After a start, a
 * seek and a change of leader, the last record folded must be there again, unchanged.
 */
async function verified(held: HeldCheckpoints, batch: LogBatch): Promise<Held | number | null> {
  const checkpoint = held.get(batch)
  if (!checkpoint || batch.start > checkpoint.next) return beginAgain(held, batch)
  if (leaderChanged(batch, checkpoint)) checkpoint.verified = false
  const { last_offset } = checkpoint
  if (!checkpoint.verified && last_offset !== null) {
    if (batch.start > last_offset || batch.next <= last_offset) return last_offset
    const predecessor = batch.records.find(({ offset }) => offset === last_offset)
    if (!predecessor || !checkpoint.last_hash?.equals(recordHash(predecessor))) {
      return held.leave(batch, 'diverged', `the record at offset ${last_offset} is not the one that was folded`)
    }
    checkpoint.leader_epoch = predecessor.leader_epoch ?? null
  }
  checkpoint.verified = true
  // Both name the first offset beyond what they hold.
  return batch.next <= checkpoint.next ? checkpoint.next : checkpoint
}

function leaderChanged(batch: LogBatch, checkpoint: Held): boolean {
  const epoch = batch.records.find(({ offset }) => offset >= checkpoint.next)?.leader_epoch
  return epoch !== undefined && checkpoint.leader_epoch !== null && epoch !== checkpoint.leader_epoch
}

async function settled(held: HeldCheckpoints, batch: LogBatch, { position, stop }: FoldStep): Promise<number | null> {
  const checkpoint = held.get(batch)
  if (checkpoint) held.put({ ...checkpoint, ...position, verified: true })
  if (stop) return held.leave(batch, 'stopped', cannotBeRead(stop))
  return position.next
}

async function beginAgain(held: HeldCheckpoints, batch: LogBatch): Promise<number | null> {
  const [start] = await held.begin([batch])
  return start ? start.offset : null
}
