import { isGrantEvent, type Recorded } from '../../../shared/ledger/events.ts'
import { createRegistry } from '../../../shared/ledger/registry/evolve.ts'
import { UNKNOWN_GRANT, type GrantState } from '../../../shared/ledger/grant/state.ts'
import { foldGrants, grantRecords } from '../../../shared/read-model/projection/grants.ts'
import { grantRow, type BearerTokenRow } from '../../../shared/read-model/grant-rows.ts'
import {
  REGISTRY_TABLES,
  registryColumns,
  registryRow,
  type StoredKind,
} from '../../../shared/read-model/registry-rows.ts'
import type { RegistryEntity } from '../../../shared/ledger/registry/state.ts'
import type { Position } from '../../../shared/ledger/events.ts'
import { compareRow, type Difference } from './compare.ts'
import { keyOfRow, type Row, type Snapshot } from './stored-rows.ts'
import { mayBeSwept, mayTokenBeSwept } from '../../../shared/ledger/grant/sweepable.ts'

/** What the log makes of one partition, folded batch by batch and held against a snapshot of the read model. */
export type Expectation = {
  fold(records: Recorded[]): { difference: Difference | null; voids: number }
  /** The first difference that shows only when everything is folded. */
  end(): Difference | null
}

/** Begins to hold a partition's log against its snapshot, whose rows are used up. */
export function createExpectation(kind: 'grants' | 'registry', snapshot: Snapshot): Expectation {
  return kind === 'grants' ? expectGrants(snapshot) : expectRegistry(snapshot)
}

function expectGrants(snapshot: Snapshot): Expectation {
  const states = new Map<string, GrantState>()
  const positions = new Map<string, Position>()
  const absent: BearerTokenRow[] = []
  const { now } = snapshot
  const stateOf = (grant_id: string) => states.get(grant_id) ?? UNKNOWN_GRANT

  function fold(records: Recorded[]) {
    const { grants, bearerTokens, verdicts } = foldGrants(states, grantRecords(records))
    for (const { grant_id, topic, partition, last_offset: offset } of grants) {
      positions.set(grant_id, { topic, partition, offset })
    }
    const voids = verdicts.filter((verdict) => verdict.void !== undefined).length
    return { difference: firstOf(bearerTokens, compareToken), voids }
  }

  // Whether an absent one may have been swept is known only when its grant's whole life is.
  function compareToken(token: BearerTokenRow): Difference | null {
    return compareRow(snapshot, rowOf('bearer_tokens', TOKEN_KEY, token), () => {
      absent.push(token)
      return false
    })
  }

  function end(): Difference | null {
    const lost = absent.find((token) => !mayTokenBeSwept(stateOf(token.grant_id), token, now))
    if (lost) return compareRow(snapshot, rowOf('bearer_tokens', TOKEN_KEY, lost))
    return firstOf(positions, ([grant_id, position]) => {
      const state = stateOf(grant_id)
      if (state.status === 'unknown') return null
      return compareRow(snapshot, rowOf('grants', GRANT_KEY, grantRow(state, position)), () => !mayBeSwept(state, now))
    })
  }

  return { fold, end }
}

const GRANT_KEY = ['grant_id']
const TOKEN_KEY = ['grant_id', 'generation']

function expectRegistry(snapshot: Snapshot): Expectation {
  const registry = createRegistry()
  return {
    fold(records) {
      const verdicts = records.flatMap(({ event, ...rest }) =>
        isGrantEvent(event) ? [] : [registry.apply({ event, ...rest })],
      )
      return { difference: null, voids: verdicts.filter((verdict) => verdict.void !== undefined).length }
    },
    end: () => firstOf(registry.entities().filter(isStored), (entity) => compareRow(snapshot, entityRow(entity))),
  }
}

function entityRow(entity: Stored): { table: string; key: string; row: Row } {
  const { table, id } = REGISTRY_TABLES[entity.kind]
  const row: Row = registryRow(entity)
  const stored = Object.fromEntries(registryColumns(entity.kind).map((column) => [column, row[column] ?? null]))
  return rowOf(table, [id], stored)
}

function rowOf(table: string, key: string[], row: Row): { table: string; key: string; row: Row } {
  return { table, key: keyOfRow(row, key), row: { ...row, at: Date.parse(String(row['at'])) } }
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
