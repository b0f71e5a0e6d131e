import { epochMs } from '../../database/epoch-ms.ts'
import { GRANT_PARTITIONS, registryPlace } from '../../event-log/places.ts'
import type { ReadGrantRow } from '../grant-rows.ts'
import { type Freshness, requireRecent } from '../reads/freshness.ts'
import type { TimedReadModel } from '../reads/tokens.ts'
import { Unsettled } from '../unsettled.ts'
import { type EffectiveStatus, withStatus } from './grant-status.ts'
import { type Among, type Condition, createPageReader, type KeyColumn, type PageQuestion } from './page.ts'

/** What grants are narrowed to. `sub`: whose they are, a user's or, of client_credentials, a client's own. */
export type GrantFilters = {
  grant_id?: string | undefined
  client_id?: string | undefined
  sub?: string | undefined
  status?: EffectiveStatus | undefined
  grant_type?: string | undefined
}

export type GrantPageQuestion = { filters: GrantFilters; after: string[] | null; limit: number }

/** A grant as it stands: no token, and nothing that stands in for one. Token times are NumericDate. */
export type ListedGrant = Pick<
  ReadGrantRow,
  | 'grant_id'
  | 'client_id'
  | 'principal_type'
  | 'grant_type'
  | 'scope'
  | 'access_generation'
  | 'refresh_generation'
  | 'refresh_exp'
  | 'absolute_exp'
  | 'refreshes_left'
> & {
  sub: string
  status: EffectiveStatus
  reason: string | null
  /** The time of its latest event, in ms. */
  at: number
  /** Of its latest access token, while that is kept. */
  iat: number | null
  exp: number | null
}

/**
 * One page of grants in the order of their ids, the order in which they were begun, from one statement. `positions`:
 * how far each partition was folded in it, in their order.
 */
export type GrantPage = {
  grants: ListedGrant[]
  next: string[] | null
  now: number
  positions: number[]
  registry: Freshness
}

/** Reads a page. Unsettled where any partition, or the registry, is older than `maxLagMs`. */
export type GrantPageReader = (question: GrantPageQuestion, maxLagMs: number) => Promise<GrantPage>

/** Reads lists of grants. */
export function createGrantPageReader(readModel: TimedReadModel): GrantPageReader {
  const read = createPageReader(readModel)
  const { topics } = readModel
  return async (question, maxLagMs) => {
    const { rows, next, now, freshnessOf } = await read<ListedGrant | { status: null }>(grantPage(readModel, question))
    const registry = freshnessOf(registryPlace(topics))
    const partitions = Array.from({ length: GRANT_PARTITIONS }, (_, partition) =>
      freshnessOf({ topic: topics.grants, partition }),
    )
    for (const one of [...partitions, registry]) requireRecent(one, now, maxLagMs)
    const grants = rows.map((row): ListedGrant => {
      if (row.status === null) throw new Unsettled('a grant was decided on more of the registry than is shown')
      return row
    })
    return { grants, next, now, positions: partitions.map((one) => one.next), registry }
  }
}

/** How many grants are looked at for one page, where most of them are not what is asked for. */
const LOOKED_AT = 1_000

/** The page that is asked for. */
export function grantPage(
  { schema, topics }: Pick<TimedReadModel, 'schema' | 'topics'>,
  { filters, after, limit }: GrantPageQuestion,
): PageQuestion {
  const { client_id, status, grant_type } = filters
  const { parts, key } = indexed(schema, filters)
  const equal = (sql: string, value: string | undefined): Condition[] =>
    value === undefined ? [] : [{ sql, bindings: [value] }]
  return {
    from: {
      parts,
      rows: Math.max(LOOKED_AT, limit + 1),
      as: withStatus(schema, topics.registry),
    },
    row: grantJson(schema),
    conditions: [
      ...equal('t.client_id = ?', client_id),
      // What is not known yet is no reason to leave a grant out.
      ...equal('coalesce(t.effective = ?, true)', status),
      ...equal('t.grant_type = ?', grant_type),
    ],
    key,
    after,
    limit,
    topics: [topics.grants, topics.registry],
  }
}

const GRANT_ID: KeyColumn = { sql: 't.grant_id', type: 'uuid' }

/**
 * The grants that one index finds, in its order; the other filters choose among these. Ranges of one value, not
 * equality: by that the planner would know that the primary key has their order too, and look for the first of a young
 * client behind all grants of the others.
 */
function indexed(schema: string, filters: GrantFilters): Pick<Among, 'parts'> & { key: KeyColumn[] } {
  const { grant_id, client_id, sub, status } = filters
  const those = (where: string, ...bindings: string[]): Condition => {
    return { sql: `(SELECT * FROM ${schema}.grants WHERE ${where})`, bindings }
  }
  const key = (...columns: string[]): KeyColumn[] => [
    ...columns.map((column): KeyColumn => ({ sql: `t.${column}`, type: 'text' })),
    GRANT_ID,
  ]
  if (grant_id !== undefined) return { parts: [those('grant_id = ?::uuid', grant_id)], key: key() }
  if (sub !== undefined) {
    const whose = (type: string) =>
      those(`principal_type BETWEEN '${type}' AND '${type}' AND principal_id BETWEEN ? AND ?`, sub, sub)
    return { parts: [whose('client'), whose('user')], key: key('principal_type', 'principal_id') }
  }
  if (client_id !== undefined)
    return { parts: [those('client_id BETWEEN ? AND ?', client_id, client_id)], key: key('client_id') }
  // The words of the partial index, which holds the few.
  if (status === 'revoked' || status === 'authorized') {
    const few = those(`status <> 'live' AND status BETWEEN '${status}' AND '${status}'`)
    return { parts: [few], key: key('status') }
  }
  return { parts: [{ sql: `${schema}.grants`, bindings: [] }], key: key() }
}

/** How many columns the key of such a list has; the last is the id of a grant. */
export function grantKeyLength(filters: GrantFilters): number {
  return indexed('', filters).key.length
}

const COLUMNS = [
  'grant_id',
  'client_id',
  'principal_type',
  'grant_type',
  'scope',
  'access_generation',
  'refresh_generation',
  'refresh_exp',
  'absolute_exp',
  'refreshes_left',
]

const grantJson = (schema: string) => `(
  SELECT json_build_object(${COLUMNS.map((column) => `'${column}', t.${column}`).join(', ')}, 'sub', t.principal_id,
           'status', t.effective, 'reason', t.because, 'at', ${epochMs('t.at')}, 'iat', b.iat, 'exp', b.exp)
    FROM (SELECT) one LEFT JOIN LATERAL (
      SELECT iat, exp FROM ${schema}.bearer_tokens
       WHERE grant_id = t.grant_id AND generation = t.access_generation LIMIT 1) b ON true)`
