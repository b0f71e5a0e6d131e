import type { Judged } from '../../../shared/event-log/fold-log.ts'
import type { Position, Recorded } from '../../../shared/ledger/events.ts'
import { type LiveGrant, UNKNOWN_GRANT } from '../../../shared/ledger/grant/state.ts'
import { mayBeSwept, mayTokenBeSwept } from '../../../shared/ledger/grant/sweepable.ts'
import type { RegistryEntity } from '../../../shared/ledger/registry/state.ts'
import { MAX_APART_MS } from '../../../shared/read-model/reads/clocks.ts'
import type { Person, PersonalState } from '../../../shared/ledger/user.ts'
import { sealedUserOf } from '../../../shared/accounts/person-columns.ts'
import { bearerTokenRow, type BearerTokenRow, grantRow } from '../../../shared/read-model/grant-rows.ts'
import {
  REGISTRY_TABLES,
  registryColumns,
  registryRow,
  type StoredKind,
} from '../../../shared/read-model/registry-rows.ts'
import type { KnownGrant } from '../spill/state-text.ts'
import { compareRow, type Difference } from './compare.ts'
import { keyOfRow, type RegistrySnapshot, type Row, type Snapshot } from './stored-rows.ts'

/** What the log makes of one partition, or of one grant, taken step by step and held against the read model. */
export type Expectation = {
  /** Takes the next records with their verdicts: the first difference that they show already. */
  take(judged: Judged[]): Difference | null
  /** The first difference that shows only when everything was taken. */
  end(): Difference | null
}

/**
 * Whether this event counted on a grant that was dead for an hour by then: a read model that had swept it knew none,
 * and took the event for void. The sweeper goes by the database's clock, the event by the log's: they may be apart.
 */
export function isLate({ before, recorded, ...judged }: Judged): boolean {
  return judged.void === null && before !== null && mayBeSwept(before, recorded.timestamp + MAX_APART_MS)
}

/** Holds the records of one grant against a snapshot of its rows, which are used up. */
export function expectGrant(snapshot: Snapshot): Expectation {
  let known: { state: KnownGrant; position: Position } | null = null
  let late = false
  const absent: BearerTokenRow[] = []
  /** When each generation was made. */
  const madeAt = new Map<number, number>()
  const { now } = snapshot

  function takeOne(judged: Judged): Difference | null {
    const { recorded, grant: state } = judged
    if (judged.void !== null || state === null || state.status === 'unknown') return null
    known = { state, position: recorded.position }
    late ||= isLate(judged)
    if (state.status === 'live') madeAt.set(state.current.generation, state.current.at)
    return isMadeBy(state, recorded) ? compareToken(bearerTokenRow(state, recorded.position.partition)) : null
  }

  // Whether an absent one may have been swept is known only when its grant's whole life is.
  function compareToken(token: BearerTokenRow): Difference | null {
    return compareRow(snapshot, tokenRow(token), () => {
      absent.push(token)
      return false
    })
  }

  function end(): Difference | null {
    const state = known?.state ?? UNKNOWN_GRANT
    const lost = late
      ? undefined
      : absent.find((token) => {
          const next_at = madeAt.get(token.generation + 1)
          return !mayTokenBeSwept(state, { ...token, next_at }, now)
        })
    if (lost) return compareRow(snapshot, tokenRow(lost))
    if (!known) return null
    return compareRow(snapshot, knownRow(known), () => !late && !mayBeSwept(state, now))
  }

  return { take: (judged) => firstOf(judged, takeOne), end }
}

/** Whether this record made the generation that a grant has now. */
export function isMadeBy(state: KnownGrant, { event }: Recorded): state is LiveGrant {
  return state.status === 'live' && state.current.event_id === event.id
}

function tokenRow(token: BearerTokenRow) {
  return rowOf('bearer_tokens', TOKEN_KEY, token)
}

function knownRow({ state, position }: { state: KnownGrant; position: Position }) {
  return rowOf('grants', GRANT_KEY, grantRow(state, position))
}

const GRANT_KEY = ['grant_id']
const TOKEN_KEY = ['grant_id', 'generation']

/** Holds the registry's records against a snapshot of its rows, which are used up. */
export function expectRegistry(snapshot: RegistrySnapshot): Expectation {
  const revealed = (entity: Stored) => [...snapshot.reveal(sealedUserOf(entity)).values()][0]
  const entities = new Map<string, RegistryEntity>()
  return {
    take(judged) {
      for (const { entity } of judged) if (entity) entities.set(entity.key, entity)
      return null
    },
    end: () =>
      firstOf([...entities.values()].filter(isStored), (entity) =>
        compareRow(snapshot, entityRow(entity, revealed(entity))),
      ),
  }
}

function entityRow(
  entity: Stored,
  revealed: Person | PersonalState | undefined,
): { table: string; key: string; row: Row } {
  const { table, id } = REGISTRY_TABLES[entity.kind]
  const row: Row = registryRow(entity, revealed)
  const stored = Object.fromEntries(registryColumns(entity.kind).map((column) => [column, row[column] ?? null]))
  return rowOf(table, [id], stored)
}

function rowOf(table: string, key: string[], row: Row): { table: string; key: string; row: Row } {
  const { dead_at } = row
  const inMs = {
    at: Date.parse(String(row['at'])),
    ...(typeof dead_at === 'string' && { dead_at: Date.parse(dead_at) }),
  }
  return { table, key: keyOfRow(row, key), row: { ...row, ...inMs } }
}

type Stored = RegistryEntity & { kind: StoredKind }

function isStored(entity: RegistryEntity): entity is Stored {
  return entity.kind !== 'ledger'
}

/** The first difference among these. */
export function firstOf<T, D>(items: Iterable<T>, compare: (item: T) => D | null): D | null {
  for (const item of items) {
    const difference = compare(item)
    if (difference) return difference
  }
  return null
}
