import { epochMs } from '../database/epoch-ms.ts'
import type { Position } from '../ledger/events.ts'
import {
  type AuthorizedGrant,
  type Generation,
  type GrantBody,
  type GrantCode,
  type GrantState,
  type IssuedGrant,
  issuedOf,
  type LiveGrant,
  NO_GENERATION,
} from '../ledger/grant/state.ts'
import { deadSince } from '../ledger/grant/sweepable.ts'
import { Young } from '../ledger/grant/young.ts'
import { Contradiction } from './unsettled.ts'

/** A row of `grants` as JSON; times that are ours are RFC 3339 on the way in and milliseconds on the way out. */
export type GrantRow = {
  grant_id: string
  topic: string
  partition: number
  last_offset: number
  at: string
  status: 'authorized' | 'live' | 'revoked'
  client_id: string
  principal_type: 'user' | 'client'
  principal_id: string
  grant_type: string
  scope: string
  registry_position: number
  access_generation: number
  refresh_generation: number
  refresh_lifetime: number | null
  refresh_exp: number | null
  absolute_exp: number | null
  refreshes_left: number | null
  refresh_grace_seconds: number | null
  refresh_rotation: boolean | null
  older_access_exp: number | null
  reason: string | null
  /** When its code expires, or when it was revoked; `null` while it lives. */
  dead_at: string | null
  authorization_terms: AuthorizationTerms | null
  /** What the exchange of its code must match; kept after that, to know the code when it is presented again. */
  code: GrantCode | null
}

/** The same as it is read back: without what only the sweeper asks for. */
export type ReadGrantRow = Omit<GrantRow, 'at' | 'dead_at'> & { at: number }

type AuthorizationTerms = Pick<AuthorizedGrant, 'terms' | 'code_exp'>

/**
 * A row of `bearer_tokens`, without the time at which it was projected. `look_at`: when the sweeper looks at it; `null`
 * = it does not expire.
 */
export type BearerTokenRow = Pick<GrantRow, 'grant_id' | 'at' | 'partition'> &
  Omit<Generation, 'at'> & { look_at: string | null }

/** The row of a grant after the event at `position`. Unknown grants have none. */
export function grantRow(state: Exclude<GrantState, { status: 'unknown' }>, position: Position): GrantRow {
  const issued = issuedOf(state)
  return {
    grant_id: state.grant_id,
    topic: position.topic,
    partition: position.partition,
    last_offset: position.offset,
    at: new Date(state.at).toISOString(),
    status: state.status,
    client_id: state.client_id,
    principal_type: state.principal.type,
    principal_id: state.principal.id,
    grant_type: state.grant_type,
    scope: state.scope,
    registry_position: state.registry_position,
    access_generation: issued?.access_generation ?? NO_GENERATION,
    refresh_generation: issued?.refresh_generation ?? NO_GENERATION,
    refresh_lifetime: issued?.refresh_lifetime ?? null,
    refresh_exp: issued?.refresh_exp ?? null,
    absolute_exp: issued?.absolute_exp ?? null,
    refreshes_left: issued?.refreshes_left ?? null,
    refresh_grace_seconds: issued?.refresh_grace_seconds ?? null,
    refresh_rotation: issued?.refresh_rotation ?? null,
    older_access_exp: issued?.older_access_exp ?? null,
    reason: state.status === 'revoked' ? state.reason : null,
    dead_at: state.status === 'live' ? null : new Date(deadSince(state)).toISOString(),
    authorization_terms: state.status === 'authorized' ? { terms: state.terms, code_exp: state.code_exp } : null,
    code: state.status === 'authorized' ? state.code : (issued?.code ?? null),
  }
}

/** The row of the generation that a live grant made last, in this partition. */
export function bearerTokenRow(state: LiveGrant, partition: number): BearerTokenRow {
  const { at, ...generation } = state.current
  const look_at = generation.exp === null ? null : new Date(generation.exp * 1000).toISOString()
  return { grant_id: state.grant_id, ...generation, at: new Date(at).toISOString(), partition, look_at }
}

/**
 * The state that a row stands for. `generations` are those at hand. A Contradiction when the current one of a live
 * grant is not among them.
 */
export function grantOfRow(row: ReadGrantRow, generations: Generation[]): GrantState {
  const body: GrantBody = {
    grant_id: row.grant_id,
    client_id: row.client_id,
    principal: { type: row.principal_type, id: row.principal_id },
    grant_type: row.grant_type,
    scope: row.scope,
    registry_position: row.registry_position,
    at: row.at,
  }
  if (row.status === 'authorized' && row.authorization_terms && row.code) {
    return { ...body, status: 'authorized', ...row.authorization_terms, code: row.code }
  }
  const issued = issuedOfRow(body, row, generations)
  if (row.status === 'revoked') return { ...body, status: 'revoked', reason: row.reason ?? '', issued }
  if (!issued)
    throw new Contradiction('read_model_contradicts', `grant ${row.grant_id} is live without its current generation`)
  return { status: 'live', ...issued }
}

function issuedOfRow(body: GrantBody, row: ReadGrantRow, generations: Generation[]): IssuedGrant | null {
  const current = generations.find(({ generation }) => generation === row.access_generation)
  if (!current) return null
  // The spread comes last: an object that begins as a copy and then grows is forty times slower to build in V8.
  return {
    access_generation: row.access_generation,
    refresh_generation: row.refresh_generation,
    refresh_lifetime: row.refresh_lifetime,
    refresh_exp: row.refresh_exp,
    absolute_exp: row.absolute_exp,
    refreshes_left: row.refreshes_left,
    refresh_grace_seconds: row.refresh_grace_seconds ?? 0,
    refresh_rotation: row.refresh_rotation ?? true,
    older_access_exp: row.older_access_exp,
    code: row.code,
    current,
    young: Young.of(generations.map(({ generation, at }) => ({ generation, at }))),
    ...body,
  }
}

/** Every column of `grants`: `fixed` when the grant is first written, or `changing` with its events. */
const COLUMNS: Record<keyof GrantRow, 'fixed' | 'changing'> = {
  grant_id: 'fixed',
  topic: 'fixed',
  partition: 'fixed',
  client_id: 'fixed',
  principal_type: 'fixed',
  principal_id: 'fixed',
  last_offset: 'changing',
  at: 'changing',
  status: 'changing',
  scope: 'changing',
  registry_position: 'changing',
  access_generation: 'changing',
  refresh_generation: 'changing',
  refresh_lifetime: 'changing',
  refresh_exp: 'changing',
  absolute_exp: 'changing',
  refreshes_left: 'changing',
  refresh_grace_seconds: 'changing',
  refresh_rotation: 'changing',
  older_access_exp: 'changing',
  reason: 'changing',
  dead_at: 'changing',
  authorization_terms: 'changing',
  code: 'changing',
  grant_type: 'changing',
}

export const GRANT_COLUMNS = Object.keys(COLUMNS)

export const MUTABLE_COLUMNS = Object.entries(COLUMNS).flatMap(([column, how]) => (how === 'changing' ? [column] : []))

/**
 * SQL for grants as a JSON array: of each its columns, `at` in milliseconds, and those of `generations` that exist.
 * json, not jsonb: it is built as the text that is sent.
 */
export function grantsJson(from: string, alias: string, generations: string, schema: string): string {
  const columns = GRANT_COLUMNS.filter((column) => column !== 'at' && column !== 'dead_at').map(
    (column) => `${alias}.${column}`,
  )
  return `(SELECT json_agg(r) FROM (
    SELECT ${columns.join(', ')}, ${epochMs(`${alias}.at`)} AS at, (
      SELECT json_agg(t) FROM (
        SELECT b.generation, b.event_id, b.kid, b.scope, ${epochMs('b.at')} AS at, b.iat, b.exp,
               ${epochMs('b.projected_at')} AS projected_at
          FROM ${schema}.bearer_tokens b
         WHERE b.grant_id = ${alias}.grant_id AND b.generation = ANY (${generations})) t) AS generations
      FROM ${from}) r)`
}
