import { EXIT, OperatorError } from '../../../shared/config/operator-error.ts'
import { recordSha256 } from '../../../shared/event-log/chain.ts'
import { decodeRecord, envelop, outgoing, UndecodableRecord } from '../../../shared/event-log/event-codec.ts'
import type { LogRecord } from '../../../shared/event-log/event-log.ts'
import { isSamePlace, placeText, registryPlace } from '../../../shared/event-log/places.ts'
import { readSkips, recordAt } from '../../../shared/event-log/skips.ts'
import type { Position, SkipFact } from '../../../shared/ledger/events.ts'
import { loadCheckpoints } from '../../../shared/read-model/checkpoints.ts'
import type { VerifySource } from '../../../shared/read-model/read-model.ts'
import { isRefused } from '../../audit/stopped-at.ts'

/** The log and the read model themselves. `issuer`: the source of what is appended. */
export type SkipSource = VerifySource & { issuer: string }

/** What an operator wants every fold to pass by. */
export type Wanted = SkipFact['data']

/**
 * Appends `RecordSkipped`, as `system/operator`, and tells where. OperatorError, with nothing appended: exit code 2
 * when there is no such partition or record; 1 when it is another record, is skipped already, or needs no skipping.
 */
export async function skipRecord(source: SkipSource, wanted: Wanted): Promise<Position> {
  const { log, topics, issuer } = source
  const record = await findRecord(source, wanted)
  const sha256 = recordSha256(record)
  if (sha256 !== wanted.sha256)
    throw new OperatorError(`the record at ${positionText(wanted)} is another one: its sha256 is ${sha256}`)
  const known = (await readSkips(log, topics)).of(wanted, record)
  if (known) throw new OperatorError(`it is skipped already, by ${known.actor ?? 'somebody'}: ${known.reason}`)
  await requireInTheWay(source, wanted, record)
  const fact: SkipFact = { type: 'RecordSkipped', data: wanted }
  const event = envelop(fact, issuer, { actor: 'system/operator' }, Date.now())
  const { offset } = await log.append(outgoing(event, topics))
  return { ...registryPlace(topics), offset }
}

async function findRecord({ log, topics }: SkipSource, { topic, partition, offset }: Wanted): Promise<LogRecord> {
  const place = { topic, partition }
  const names = Object.values(topics)
  const bound = names.includes(topic) ? (await log.bounds([topic])).find((one) => isSamePlace(one, place)) : undefined
  if (!bound) throw missing(`this ledger has no partition ${placeText(place)}: its topics are ${names.join(' and ')}`)
  if (offset < bound.first || offset >= bound.end)
    throw missing(`${placeText(place)} has no offset ${offset}: it holds [${bound.first}, ${bound.end})`)
  const record = await recordAt(log, place, offset)
  if (!record) throw missing(`${placeText(place)} has no record at offset ${offset}`)
  return record
}

function missing(message: string): OperatorError {
  return new OperatorError(message, { exitCode: EXIT.usage })
}

/**
 * What this release can read is in the way only if the read model stopped there all the same: then the database refused
 * it. What the read model holds already can be left out of no other fold.
 */
async function requireInTheWay(source: SkipSource, wanted: Wanted, record: LogRecord): Promise<void> {
  const checkpoint = (await loadCheckpoints(source, [wanted.topic])).find((one) => isSamePlace(one, wanted))
  if (checkpoint && checkpoint.next > wanted.offset)
    throw new OperatorError(`nothing to skip: the read model has folded the record at ${positionText(wanted)}`)
  if (!isReadable(wanted, record)) return
  const stopped = checkpoint?.status === 'stopped' && checkpoint.next === wanted.offset
  if (stopped && isRefused(checkpoint.status_reason ?? '', wanted.offset)) return
  throw new OperatorError(
    `nothing to skip: this release reads the record at ${positionText(wanted)}, so a projector of this release folds it`,
  )
}

function isReadable(wanted: Wanted, record: LogRecord): boolean {
  try {
    decodeRecord(wanted, record)
    return true
  } catch (error) {
    if (error instanceof UndecodableRecord) return false
    throw error
  }
}

function positionText({ offset, ...place }: Position): string {
  return `${placeText(place)}@${offset}`
}
