import type { LogBatch } from '../../shared/event-log/event-log.ts'
import { type FoldPosition, readBatch } from '../../shared/event-log/fold-log.ts'
import type { Skips } from '../../shared/event-log/skips.ts'
import { type KnownStep, withPeople } from '../../shared/read-model/projection/project.ts'
import type { Projection } from '../../shared/read-model/read-model.ts'
import type { Held } from './held-checkpoints.ts'

/** A batch, and the checkpoint that it continues. */
export type Ready = { batch: LogBatch; from: Held }

/** One part of each batch, to be folded together. */
export type Round = { batch: LogBatch; step: KnownStep }[]

/** So many records of a batch are one part. */
const PART = 500

/** The first part of each batch, then the next ones, each with its people opened. A batch ends at its first stop. */
export async function* roundsOf(projection: Projection, ready: Ready[], skips: Skips): AsyncGenerator<Round> {
  const all = ready.map((one) => stepsOf(one, skips))
  for (let round = nextOf(all); round.length > 0; round = nextOf(all))
    yield await Promise.all(round.map(async ({ batch, step }) => ({ batch, step: await withPeople(projection, step) })))
}

function nextOf(all: Iterator<Round[number], undefined>[]): Round {
  return all.flatMap((steps) => {
    const next = steps.next()
    return next.done === true ? [] : [next.value]
  })
}

function* stepsOf({ batch, from }: Ready, skips: Skips): Generator<Round[number], undefined> {
  let position: FoldPosition = from
  for (const part of partsOf(batch, from.next)) {
    const step = readBatch(part, position, skips)
    yield { batch, step: { ...step, known: from.known } }
    if (step.stop) return
    position = step.position
  }
}

/** The parts of what lies beyond `from`: one at least, also where that is no record. */
function partsOf(batch: LogBatch, from: number): LogBatch[] {
  const ahead = batch.records.filter(({ offset }) => offset >= from)
  const firsts = ahead.filter((_, n) => n > 0 && n % PART === 0).map(({ offset }) => offset)
  return [batch.start, ...firsts].map((start, n) => {
    const records = ahead.slice(n * PART, (n + 1) * PART)
    return { ...batch, start, next: firsts[n] ?? batch.next, records }
  })
}
