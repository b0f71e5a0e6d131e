import type { ReadModelTables, ReadModel } from '../read-model.ts'
import { MAX_GRACE_SECONDS } from '../../ledger/grant/times.ts'

/** What was made with one key and still lives. */
export type KeyUse = {
  kid: number
  /** Grants of which anything below lives, or whose spent refresh token the grace still covers. */
  grants: number
  refresh_tokens: number
  access_tokens: number
  authorization_codes: number
  /** Clients whose secret is stored under its pepper. */
  clients: string[]
  /** NumericDate at which the last of the tokens ends by itself; Infinity = never, `null` = none lives. */
  ends: number | null
  /** NumericDate at which the latest token was made with it; `null` = none that the read model still has. */
  last_made: number | null
}

export type KeyUseReader = {
  /** Every kid that anything was made with, in order. */
  uses(): Promise<KeyUse[]>
  /**
   * The grants of this kid among the next few behind `after` (`null`: from the first); `next`: where to go on, `null` =
   * that was the last of them. A grant counts as in `KeyUse`: also when only older tokens of it were made with the key.
   */
  grantsOf(kid: number, after: string | null): Promise<{ grant_ids: string[]; next: string | null }>
}

const COUNTED_PAGE = 10_000
const LISTED_PAGE = 1_000

/**
 * Reads what still needs which key, in pages, so that no statement runs into the timeout however many grants there are.
 */
export function createKeyUseReader({ knex, schema, topics }: ReadModel): KeyUseReader {
  const page = async <Found>(
    select: string,
    { after, limit }: { after: string | null; limit: number },
    kid?: number,
  ) => {
    const bindings = [after ?? FIRST, limit, topics.registry, ...(kid === undefined ? [] : [kid])]
    const { rows } = await knex.raw<{ rows: Page<Found>[] }>(`${usesSql(schema)} ${select}`, bindings)
    const [{ found, count, last } = { found: null, count: 0, last: null }] = rows
    return { found: found ?? [], next: count < limit ? null : last }
  }

  async function uses(): Promise<KeyUse[]> {
    const byKid = new Map<number, KeyUse>()
    for (const { kid, clients } of await readSecretKids({ knex, schema })) byKid.set(kid, { ...NOTHING, kid, clients })
    let after: string | null = null
    do {
      const { found, next }: { found: Counted[]; next: string | null } = await page<Counted>(COUNTED, {
        after,
        limit: COUNTED_PAGE,
      })
      for (const counted of found) byKid.set(counted.kid, added(byKid.get(counted.kid), counted))
      after = next
    } while (after !== null)
    return [...byKid.values()].sort((a, b) => a.kid - b.kid)
  }

  return {
    uses,
    grantsOf: async (kid, after) => {
      const { found, next } = await page<string>(LISTED, { after, limit: LISTED_PAGE }, kid)
      return { grant_ids: found, next }
    },
  }
}

type Page<Found> = { found: Found[] | null; count: number; last: string | null }
type Counted = Omit<KeyUse, 'clients' | 'ends' | 'last_made'> & {
  ends: number | null
  never: boolean
  last_made: number
}

// Below every UUIDv7.
const FIRST = '00000000-0000-0000-0000-000000000000'
const NOTHING = { grants: 0, refresh_tokens: 0, access_tokens: 0, authorization_codes: 0, ends: null, last_made: null }

function added(before: KeyUse | undefined, more: Counted): KeyUse {
  const sum = before ?? { ...NOTHING, kid: more.kid, clients: [] }
  const ends = more.never ? Infinity : more.ends
  return {
    kid: sum.kid,
    grants: sum.grants + more.grants,
    refresh_tokens: sum.refresh_tokens + more.refresh_tokens,
    access_tokens: sum.access_tokens + more.access_tokens,
    authorization_codes: sum.authorization_codes + more.authorization_codes,
    clients: sum.clients,
    ends: later(sum.ends, ends),
    last_made: later(sum.last_made, more.last_made),
  }
}

function later(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b
  return Math.max(a, b)
}

async function readSecretKids({ knex, schema }: ReadModelTables): Promise<{ kid: number; clients: string[] }[]> {
  const { rows } = await knex.raw<{ rows: { kid: number; clients: string[] }[] }>(
    `SELECT (secret->>'kid')::int AS kid, json_agg(client_id ORDER BY client_id) AS clients FROM ${schema}.clients
      WHERE NOT deleted AND secret->>'kid' IS NOT NULL GROUP BY 1`,
  )
  return rows
}

const epoch = (expression: string) => `extract(epoch FROM ${expression})::float8`

// How long the read model stood still after `since`: a grace does not run meanwhile (`stalledMs`).
const stalled = (alias: string, since: string) =>
  `(SELECT coalesce(sum(greatest(0, ${epoch('upper(s)')} - greatest(${epoch('lower(s)')}, ${since}))), 0)
      FROM unnest(${alias}.stalls) AS s)`

/**
 * CTEs over one page of grants: `made` has one row for each generation and code with its kid and until when
 * (NumericDate, NULL = it is dead) each part of it can be used. Dead for ever because of `not_before` is dead; a
 * disabled client or user may come back. A spent refresh token answers with the pair after it as long as the longest
 * grace of any client. Repeats ledger/grant/liveness.ts; read-model/still-living.test.ts holds it to that.
 */
const usesSql = (schema: string) => `
WITH page AS MATERIALIZED (
  SELECT g.*, g.status <> 'revoked' AND g.registry_position > greatest(c.not_before, u.not_before, -1) AS alive
    FROM (SELECT * FROM ${schema}.grants WHERE grant_id > ?::uuid ORDER BY grant_id LIMIT ?) g
    LEFT JOIN ${schema}.clients c USING (client_id)
    LEFT JOIN ${schema}.users u ON g.principal_type = 'user' AND u.sub = g.principal_id),
generations AS (
  SELECT b.*, ${epoch('lead(b.projected_at) OVER (PARTITION BY b.grant_id ORDER BY b.generation)')} AS spent
    FROM page JOIN ${schema}.bearer_tokens b USING (grant_id)),
ends AS (
  SELECT b.grant_id, b.kid, ${epoch('b.at')} AS at,
         CASE WHEN NOT g.alive THEN NULL WHEN b.exp IS NOT NULL THEN b.exp::float8
              WHEN b.generation = g.access_generation THEN 'infinity' END AS access_end,
         CASE WHEN g.alive AND b.generation = g.refresh_generation AND g.refreshes_left IS DISTINCT FROM 0
              THEN coalesce(g.refresh_exp::float8, 'infinity') END AS refresh_end,
         CASE WHEN g.alive AND b.generation < g.refresh_generation
              THEN b.spent + ${MAX_GRACE_SECONDS} + greatest(${stalled('k', 'b.spent')}, ${stalled('r', 'b.spent')})
              END AS retry_end,
         NULL::float8 AS code_end
    FROM page g JOIN generations b USING (grant_id)
    LEFT JOIN ${schema}.checkpoints k ON k.topic = g.topic AND k.partition = g.partition
    LEFT JOIN ${schema}.checkpoints r ON r.topic = ? AND r.partition = 0
  UNION ALL
  SELECT grant_id, (authorization_terms->'terms'->>'kid')::int, ${epoch('at')}, NULL, NULL, NULL,
         CASE WHEN alive THEN (authorization_terms->>'code_exp')::float8 END
    FROM page WHERE authorization_terms IS NOT NULL),
made AS (
  SELECT *, greatest(access_end, refresh_end, retry_end, code_end) AS "end", ${epoch('now()')} AS now FROM ends)
SELECT (SELECT count(*)::int FROM page) AS count, (SELECT grant_id FROM page ORDER BY grant_id DESC LIMIT 1) AS last,`

const COUNTED = `(SELECT json_agg(c) FROM (
  SELECT kid, count(DISTINCT grant_id) FILTER (WHERE "end" > now) AS grants,
         count(*) FILTER (WHERE refresh_end > now) AS refresh_tokens,
         count(*) FILTER (WHERE access_end > now) AS access_tokens,
         count(*) FILTER (WHERE code_end > now) AS authorization_codes,
         max("end") FILTER (WHERE "end" > now AND "end" < 'infinity') AS ends,
         coalesce(bool_or("end" = 'infinity'), false) AS never, max(at) AS last_made
    FROM made GROUP BY kid) c) AS found`

const LISTED = `(SELECT json_agg(DISTINCT grant_id) FROM made WHERE kid = ? AND "end" > now) AS found`
