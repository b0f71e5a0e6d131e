import type { EventLog, Range } from '../../../shared/event-log/event-log.ts'
import {
  foldLog,
  type OnRead,
  type Progress,
  requireWhole,
  walkKey,
  type Walking,
  walkLog,
} from '../../../shared/event-log/fold-log.ts'
import { comparePlaces, partitionOf, type Topics } from '../../../shared/event-log/places.ts'
import { readSkips } from '../../../shared/event-log/skips.ts'
import { type EventType, isGrantType, type Position } from '../../../shared/ledger/events.ts'
import type { GrantStates } from '../../../shared/ledger/grant/state.ts'
import { readAhead } from '../read-ahead.ts'
import { createGrantStates } from '../spill/grant-states.ts'
import { type Batch, merge } from './merge.ts'
import { entriesOf, type ReplayEntry } from './replay-entry.ts'

/** What of the log to show; members that are absent do not restrict. `sub` = a user. */
export type ReplayFilter = {
  grant_id?: string | undefined
  client_id?: string | undefined
  sub?: string | undefined
  types?: readonly EventType[] | undefined
  /** What concerns this user, or was done by this user. */
  person?: string | undefined
}

type Source = { log: EventLog; topics: Topics }

/** `states`: where the caller has the grants folded, who closes it; by default they are gone in the end. */
type Folding = Source & { states?: GrantStates & { close(): void } }

/**
 * Reads the log itself from offset 0 to its end as of now, folds it, and yields what the filter lets through with its
 * verdict, ordered by (time, topic, partition, offset). LogReadError when the log is unreachable or its beginning is
 * gone.
 */
export async function* replay(
  { states: given, ...source }: Folding,
  filter: ReplayFilter,
  progress?: Progress,
): AsyncGenerator<ReplayEntry, void, undefined> {
  const ranges = await rangesOf(source, filter)
  const onRead = counter(ranges, progress)
  const walking = { skips: await readSkips(source.log, source.topics, () => onRead?.(0)), onRead }
  const log = readAhead(source.log)
  const states = given ?? createGrantStates()
  const streams = ranges.map((range) => entriesShown(log, range, { filter, walking, states }))
  try {
    for await (const { entry } of merge<Place, Placed>(streams, isBefore)) yield entry
  } finally {
    if (!given) states.close()
  }
}

/** The whole log, or the part that can hold what the filter asks for: [0, end) of each partition, as of now. */
export async function rangesOf({ log, topics }: Source, filter: ReplayFilter): Promise<Range[]> {
  const { grant_id } = filter
  const partition = grant_id === undefined ? undefined : partitionOf(grant_id)
  const bounds = await log.bounds(topicsWanted(topics, filter), partition)
  requireWhole(bounds)
  return bounds.map(({ topic, partition, end }) => ({ topic, partition, from: 0, to: end }))
}

function topicsWanted(topics: Topics, { grant_id, types }: ReplayFilter): string[] {
  const grants = types?.some((type) => isGrantType(type)) ?? true
  const registry = grant_id === undefined && (types?.some((type) => !isGrantType(type)) ?? true)
  return [...(grants ? [topics.grants] : []), ...(registry ? [topics.registry] : [])]
}

function counter(ranges: Range[], progress: Progress | undefined): OnRead | undefined {
  if (!progress) return undefined
  const total = ranges.reduce((sum, { to }) => sum + to, 0)
  let done = 0
  return (offsets) => progress((done += offsets), total)
}

/** `at`: the partition's own time so far, which unlike a record's never steps back. */
type Place = { at: number; position: Position }
type Placed = Place & { entry: ReplayEntry }

type Showing = { filter: ReplayFilter; walking: Walking; states: GrantStates }

async function* entriesShown(
  log: EventLog,
  range: Range,
  { filter, walking, states }: Showing,
): AsyncGenerator<Batch<Place, Placed>> {
  let at = 0
  const key = filter.grant_id
  const walked = key === undefined ? walkLog(log, range, walking) : walkKey(log, range, { ...walking, key })
  for await (const step of foldLog(walked, states)) {
    let upTo: Place | null = null
    const items: Placed[] = []
    for (const entry of entriesOf(step)) {
      at = Math.max(at, Date.parse(entry.time))
      upTo = { at, position: entry.position }
      if (isShown(entry, filter)) items.push({ ...upTo, entry })
    }
    yield { items, upTo }
  }
}

function isShown(entry: ReplayEntry, { client_id, sub, types, person }: ReplayFilter): boolean {
  // Whoever reads a part of the story must see that something of it is missing.
  if (entry.verdict === 'unreadable' || entry.verdict === 'skipped') return true
  if (types && !types.some((type) => type === entry.type)) return false
  if (client_id !== undefined && !concernsClient(entry, client_id)) return false
  if (person !== undefined && !isUser(entry, person) && entry.actor !== `user/${person}`) return false
  return sub === undefined || isUser(entry, sub)
}

function isUser({ principal }: ReplayEntry, sub: string): boolean {
  return principal?.type === 'user' && principal.id === sub
}

/** Its own client, or one that acted on a grant which is not its own. */
function concernsClient({ client_id, event }: ReplayEntry, wanted: string): boolean {
  return client_id === wanted || (event !== null && 'client_id' in event.data && event.data.client_id === wanted)
}

function isBefore(a: Place, b: Place): boolean {
  if (a.at !== b.at) return a.at < b.at
  return (comparePlaces(a.position, b.position) || a.position.offset - b.position.offset) < 0
}
