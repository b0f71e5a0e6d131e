import { type GrantEvent, isGrantEvent, type Position, type Recorded } from '../../ledger/events.ts'
import { evolve } from '../../ledger/grant/evolve.ts'
import { type Generation, type GrantState, type LiveGrant, UNKNOWN_GRANT } from '../../ledger/grant/state.ts'
import { mayBeSwept, SWEPT_AFTER_MS } from '../../ledger/grant/sweepable.ts'
import {
  bearerTokenRow,
  type BearerTokenRow,
  GRANT_COLUMNS,
  grantOfRow,
  grantRow,
  type GrantRow,
  grantsJson,
  MUTABLE_COLUMNS,
  type ReadGrantRow,
} from '../grant-rows.ts'
import type { ReadModelTables } from '../read-model.ts'

type Verdict = { topic: string; partition: number; void?: string | undefined }

/** An access token that another took the place of, and when the sweeper is to look at it now. */
type Superseded = Pick<BearerTokenRow, 'grant_id' | 'generation' | 'look_at'>

/**
 * What a fold of grant events changes: final grant rows, one row for each access token that was made, and which of
 * before the sweeper must look at earlier than their rows say.
 */
export type GrantChanges = {
  grants: GrantRow[]
  bearerTokens: BearerTokenRow[]
  superseded: Superseded[]
  verdicts: Verdict[]
}

/**
 * Folds recorded events over the states at hand (changed in place) and gives the rows to write. Pure but for that map.
 */
export function foldGrants(states: Map<string, GrantState>, records: Recorded<GrantEvent>[]): GrantChanges {
  const touched = new Map<string, Position>()
  const bearerTokens: BearerTokenRow[] = []
  const superseded: Superseded[] = []
  const verdicts: Verdict[] = []
  for (const recorded of records) {
    const { grant_id } = recorded.event.data
    const before = states.get(grant_id) ?? UNKNOWN_GRANT
    const evolved = evolve(before, recorded)
    verdicts.push({ ...recorded.position, void: evolved.void })
    if (evolved.void !== undefined) continue
    states.set(grant_id, evolved.state)
    touched.set(grant_id, recorded.position)
    const made = tokenMade(before, evolved.state)
    if (made) superseded.push(...supersededBy(made, before))
    if (made) bearerTokens.push(bearerTokenRow(made, recorded.position.partition))
  }
  const grants = [...touched].flatMap(([grant_id, position]) => rowOf(states.get(grant_id), position))
  return { grants, verdicts, ...placed(bearerTokens, superseded) }
}

/**
 * The token before this one, where its row does not say when it ends: it never expires by itself, and ends now; or it
 * has been dead for so long that the sweeper may have put it off until the end of its grant, and it need not wait.
 */
function supersededBy({ grant_id, current: { at } }: LiveGrant, before: GrantState): Superseded[] {
  if (before.status !== 'live') return []
  const { generation, exp } = before.current
  const until = exp === null ? at : exp * 1000
  const isSaid = exp !== null && at < until + SWEPT_AFTER_MS
  return isSaid ? [] : [{ grant_id, generation, look_at: new Date(until).toISOString() }]
}

// A statement does not see the rows that it inserts: those that were made in the same batch say it themselves.
function placed(bearerTokens: BearerTokenRow[], all: Superseded[]): Pick<GrantChanges, 'bearerTokens' | 'superseded'> {
  if (all.length === 0) return { bearerTokens, superseded: all }
  const nameOf = ({ grant_id, generation }: Superseded) => `${grant_id}/${generation}`
  const looks = new Map(all.map((one) => [nameOf(one), one.look_at]))
  const made = new Set(bearerTokens.map(nameOf))
  return {
    bearerTokens: bearerTokens.map((row) => ({ ...row, look_at: looks.get(nameOf(row)) ?? row.look_at })),
    superseded: all.filter((one) => !made.has(nameOf(one))),
  }
}

/**
 * States of grants as of where a batch begins, known without asking: this process folded them itself, or loaded them.
 */
export type KnownGrants = {
  get(grant_id: string): GrantState | undefined
  set(grant_id: string, state: GrantState): unknown
}

/**
 * The states that these events need: known ones, and the rest from the read model. A reuse is judged by when its next
 * generation was made, which the read model is asked for each time. So it is for a grant that may have been swept, by
 * whomever, when an event of it was recorded.
 */
export async function loadGrants(
  { knex, schema }: ReadModelTables,
  records: Recorded<GrantEvent>[],
  known: (grant_id: string) => GrantState | undefined = () => undefined,
): Promise<Map<string, GrantState>> {
  const states = new Map<string, GrantState>()
  const asked = new Set(
    records
      .filter(({ event, timestamp }) => {
        const state = known(event.data.grant_id)
        return event.type === 'TokenReuseDetected' || (state && mayBeSwept(state, timestamp))
      })
      .map(({ event }) => event.data.grant_id),
  )
  const keys = records.flatMap(({ event: { type, data } }) => {
    const state = asked.has(data.grant_id) ? undefined : known(data.grant_id)
    if (state) states.set(data.grant_id, state)
    const generation = type === 'TokenReuseDetected' ? data.presented_generation + 1 : null
    return state ? [] : [{ grant_id: data.grant_id, generation }]
  })
  if (keys.length === 0) return states
  const { rows } = await knex
    .raw<{ rows: { grants: LoadedGrant[] | null }[] }>(loadSql(schema), [JSON.stringify(keys)])
    .options({ name: `load_grants_${schema}` })
  for (const row of rows[0]?.grants ?? []) states.set(row.grant_id, grantOfRow(row, row.generations ?? []))
  return states
}

type LoadedGrant = ReadGrantRow & { generations: Generation[] | null }

const loadSql = (schema: string) => `
WITH wanted AS MATERIALIZED (
  SELECT grant_id, array_remove(array_agg(DISTINCT generation), NULL) AS generations
    FROM json_to_recordset(?::json) AS k(grant_id uuid, generation int) GROUP BY grant_id)
SELECT ${grantsJson('wanted w JOIN ' + schema + '.grants g USING (grant_id)', 'g', 'w.generations || g.access_generation', schema)} AS grants`

/**
 * SQL (CTEs, after `moveSql`) that writes grant changes; its bindings are the two JSON texts of `grantBindings`.
 * `projectedAt: 'record'` (a rebuild) dates generations by their record's time, so that old ones do not look young.
 */
export const writeGrantsSql = (schema: string, projectedAt: 'now' | 'record') => `
  made AS (
    INSERT INTO ${schema}.bearer_tokens (grant_id, generation, event_id, kid, scope, at, iat, exp, projected_at, partition, look_at)
    SELECT b.grant_id, b.generation, b.event_id, b.kid, b.scope, b.at, b.iat, b.exp,
           ${projectedAt === 'now' ? 'clock_timestamp()' : 'b.at'}, b.partition, b.look_at
      FROM json_populate_recordset(NULL::${schema}.bearer_tokens, ?::json) AS b, ready WHERE ready.ok),
  changed AS (
    INSERT INTO ${schema}.grants AS g (${GRANT_COLUMNS.join(', ')})
    SELECT ${GRANT_COLUMNS.map((column) => `r.${column}`).join(', ')}
      FROM json_populate_recordset(NULL::${schema}.grants, ?::json) AS r, ready WHERE ready.ok
    ON CONFLICT (grant_id) DO UPDATE SET ${MUTABLE_COLUMNS.map((column) => `${column} = excluded.${column}`).join(', ')})`

/** SQL (a CTE, after `moveSql`) that says when the sweeper looks at superseded tokens; its binding is their JSON. */
export const supersedeSql = (schema: string) => `
  superseded AS (
    UPDATE ${schema}.bearer_tokens b SET look_at = s.look_at
      FROM json_to_recordset(?::json) AS s(grant_id uuid, generation int, look_at timestamptz), ready
     WHERE ready.ok AND b.grant_id = s.grant_id AND b.generation = s.generation)`

/** The bindings of `writeGrantsSql`. */
export function grantBindings({ grants, bearerTokens }: GrantChanges): string[] {
  return [JSON.stringify(bearerTokens), JSON.stringify(grants)]
}

/** The grant events among recorded ones. */
export function grantRecords(records: Recorded[]): Recorded<GrantEvent>[] {
  return records.filter((recorded): recorded is Recorded<GrantEvent> => isGrantEvent(recorded.event))
}

function rowOf(state: GrantState | undefined, position: Position): GrantRow[] {
  return !state || state.status === 'unknown' ? [] : [grantRow(state, position)]
}

/** The grant as it stands, where it has made an access token. */
function tokenMade(before: GrantState, after: GrantState): LiveGrant | null {
  if (after.status !== 'live') return null
  const had = before.status === 'live' ? before.access_generation : 0
  return after.access_generation > had ? after : null
}
