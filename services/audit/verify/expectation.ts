import type { Judged } from '../../../shared/event-log/fold-log.ts'
import type { Position } from '../../../shared/ledger/events.ts'
import { type GrantState, type LiveGrant, UNKNOWN_GRANT } from '../../../shared/ledger/grant/state.ts'
import { mayBeSwept, mayTokenBeSwept } from '../../../shared/ledger/grant/sweepable.ts'
import type { RegistryEntity } from '../../../shared/ledger/registry/state.ts'
import { bearerTokenRow, type BearerTokenRow, grantRow } from '../../../shared/read-model/grant-rows.ts'
import {
  REGISTRY_TABLES,
  registryColumns,
  registryRow,
  type StoredKind,
} from '../../../shared/read-model/registry-rows.ts'
import { compareRow, type Difference } from './compare.ts'
import { keyOfRow, type Row, type Snapshot } from './stored-rows.ts'

/** What the log makes of one partition, taken step by step and held against a snapshot of the read model. */
export type Expectation = {
  /** Takes the partition's next records with their verdicts: the first difference that they show already. */
  take(judged: Judged[]): Difference | null
  /** The first difference that shows only when everything was taken. */
  end(): Difference | null
}

/** Begins to hold a partition's log against its snapshot, whose rows are used up. */
export function createExpectation(kind: 'grants' | 'registry', snapshot: Snapshot): Expectation {
  return kind === 'grants' ? expectGrants(snapshot) : expectRegistry(snapshot)
}

type KnownGrant = Exclude<GrantState, { status: 'unknown' }>

function expectGrants(snapshot: Snapshot): Expectation {
  const grants = new Map<string, { state: KnownGrant; position: Position }>()
  const absent: BearerTokenRow[] = []
  const endless = new Set<string>()
  /** When the generation after an absent one was made that never expired by itself, by the key of that. */
  const nextMade = new Map<string, number>()
  const { now } = snapshot

  function takeOne({ recorded: { event, position }, void: voidReason, grant: state }: Judged): Difference | null {
    if (voidReason !== null || state === null || state.status === 'unknown') return null
    grants.set(state.grant_id, { state, position })
    if (state.status === 'live') noteNext(state)
    const made = state.status === 'live' && state.current.event_id === event.id
    return made ? compareToken(bearerTokenRow(state, position.partition)) : null
  }

  // Whether an absent one may have been swept is known only when its grant's whole life is.
  function compareToken(token: BearerTokenRow): Difference | null {
    return compareRow(snapshot, rowOf('bearer_tokens', TOKEN_KEY, token), () => {
      absent.push(token)
      if (token.exp === null) endless.add(keyOfRow(token, TOKEN_KEY))
      return false
    })
  }

  function noteNext({ grant_id, current: { generation, at } }: LiveGrant): void {
    const before = keyOfRow({ grant_id, generation: generation - 1 }, TOKEN_KEY)
    if (endless.delete(before)) nextMade.set(before, at)
  }

  function end(): Difference | null {
    const stateOf = (grant_id: string) => grants.get(grant_id)?.state ?? UNKNOWN_GRANT
    const lost = absent.find((token) => {
      const next_at = nextMade.get(keyOfRow(token, TOKEN_KEY))
      return !mayTokenBeSwept(stateOf(token.grant_id), { ...token, next_at }, now)
    })
    if (lost) return compareRow(snapshot, rowOf('bearer_tokens', TOKEN_KEY, lost))
    return firstOf(grants.values(), ({ state, position }) =>
      compareRow(snapshot, rowOf('grants', GRANT_KEY, grantRow(state, position)), () => !mayBeSwept(state, now)),
    )
  }

  return { take: (judged) => firstOf(judged, takeOne), end }
}

const GRANT_KEY = ['grant_id']
const TOKEN_KEY = ['grant_id', 'generation']

function expectRegistry(snapshot: Snapshot): Expectation {
  const entities = new Map<string, RegistryEntity>()
  return {
    take(judged) {
      for (const { entity } of judged) if (entity) entities.set(entity.key, entity)
      return null
    },
    end: () => firstOf([...entities.values()].filter(isStored), (entity) => compareRow(snapshot, entityRow(entity))),
  }
}

function entityRow(entity: Stored): { table: string; key: string; row: Row } {
  const { table, id } = REGISTRY_TABLES[entity.kind]
  const row: Row = registryRow(entity)
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

function firstOf<T>(items: Iterable<T>, compare: (item: T) => Difference | null): Difference | null {
  for (const item of items) {
    const difference = compare(item)
    if (difference) return difference
  }
  return null
}
