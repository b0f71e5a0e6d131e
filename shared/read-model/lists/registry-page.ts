import { registryPlace } from '../../event-log/places.ts'
import { REGISTRY_KINDS } from '../../ledger/registry/kinds.ts'
import { withNames } from '../../ledger/registry/naming.ts'
import type { RegistryEntity } from '../../ledger/registry/state.ts'
import { namedJson, namedLookup, type NamedRow } from '../named.ts'
import { entityJson, entityOfRow, type RegistryRow, type StoredKind } from '../registry-rows.ts'
import type { Freshness } from '../reads/freshness.ts'
import type { TimedReadModel } from '../reads/tokens.ts'
import { type Condition, createPageReader, type KeyColumn, type PageQuestion } from './page.ts'
import { conditionOf, nameColumn, prefixCondition, type RegistryFilters } from './registry-filters.ts'

/** What a list of one kind is asked for. `prefix`: of what it is searched by, in whose order it comes then. */
export type RegistryPageQuestion = {
  kind: StoredKind
  filters: RegistryFilters
  prefix?: string | undefined
  after: string[] | null
  limit: number
}

/** One page of living entities, from one statement; `checkpoint`: how far the registry was folded in it. */
export type RegistryPage = { entities: RegistryEntity[]; next: string[] | null; now: number; checkpoint: Freshness }

export type RegistryPageReader = (question: RegistryPageQuestion) => Promise<RegistryPage>

/** Reads lists of the registry. */
export function createRegistryPageReader(readModel: TimedReadModel): RegistryPageReader {
  const read = createPageReader(readModel)
  return async (question) => {
    const page = await read<RegistryRow, { named?: NamedRow[] | null }>(registryPage(readModel, question))
    const { rows, next, now, freshnessOf, more } = page
    const lookup = namedLookup(more.named ?? null)
    const entities = rows.map((row): RegistryEntity => withNames(lookup, entityOfRow(question.kind, row)))
    return { entities, next, now, checkpoint: freshnessOf(registryPlace(readModel.topics)) }
  }
}

/** How many columns the key of such a list has. */
export function registryKeyLength(question: Pick<RegistryPageQuestion, 'kind' | 'prefix'>): number {
  return keyOf(question).length
}

/** The page that is asked for. */
export function registryPage(
  { schema, topics }: Pick<TimedReadModel, 'schema' | 'topics'>,
  question: RegistryPageQuestion,
): PageQuestion {
  const { kind, filters, prefix, after, limit } = question
  const conditions: Condition[] = [
    { sql: 'NOT t.deleted', bindings: [] },
    ...Object.entries(filters).map(([name, value]) => conditionOf(schema, { kind, name, value })),
    ...(prefix === undefined ? [] : [prefixCondition(kind, prefix)]),
  ]
  return {
    from: `${schema}.${REGISTRY_KINDS[kind].plural}`,
    row: entityJson(kind, 't'),
    conditions,
    key: keyOf(question),
    after,
    limit,
    topics: [topics.registry],
    ...namedIn(schema, kind),
  }
}

/** The groups and scopes that the rows of a page name, where they were deleted once. */
function namedIn(schema: string, kind: StoredKind): { more?: string } {
  const groups = GROUPS[kind]
  if (groups === undefined) return {}
  const scopes = kind === 'client' ? "SELECT unnest(string_to_array(p.scope, ' ')) FROM page p" : undefined
  return { more: `${namedJson(schema, { groups, ...(scopes && { scopes }) })} AS named` }
}

const GROUPS: Partial<Record<StoredKind, string>> = {
  client: 'SELECT unnest(p.groups) FROM page p',
  user: 'SELECT unnest(p.groups) FROM page p',
  acl: 'SELECT unnest(p.allowed_groups || p.denied_groups) FROM page p',
}

function keyOf({ kind, prefix }: Pick<RegistryPageQuestion, 'kind' | 'prefix'>): KeyColumn[] {
  const id: KeyColumn = { sql: `t.${REGISTRY_KINDS[kind].id} COLLATE "C"`, type: 'text' }
  const name = nameColumn(kind)
  return prefix === undefined || name === id.sql ? [id] : [{ sql: name, type: 'text' }, id]
}
