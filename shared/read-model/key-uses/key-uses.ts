import { GRANT_PARTITIONS } from '../../event-log/places.ts'
import type { ReadModel } from '../read-model.ts'
import { clientsSql, codesPageSql, countSql, kidsSql, tokensPageSql } from './key-sql.ts'

/** What was made with one key and still lives: counted among its latest tokens, 10,000 at the most. */
export type KeyUse = {
  kid: number
  /** Grants of which anything below lives, or whose spent refresh token the grace still covers. */
  grants: number
  refresh_tokens: number
  access_tokens: number
  authorization_codes: number
  /** It has more tokens than were looked at: each count is that or more, and none is no proof that none lives. */
  capped: boolean
  /** Clients whose secret is stored under its pepper. */
  clients: string[]
  /**
   * NumericDate at which the last of the tokens ends by itself; Infinity = never, `null` = none lives, or not all were
   * looked at.
   */
  ends: number | null
  /** NumericDate at which the latest token that was looked at was made; `null` = there is none any more. */
  last_made: number | null
}

export type KeyUseReader = {
  /** Every kid that anything was made with which is still there and that `among` takes, in order. */
  uses(among?: (kid: number) => boolean): Promise<KeyUse[]>
  /** That of one kid, also of one that nobody ever had. */
  use(kid: number): Promise<KeyUse>
  /**
   * Some grants of this kid behind `after` (`null`: from the first) that have something living of it, `enough` of them
   * or some more, or less where many are dead; `next`: where to
   * go on, `null` = that was the last of them. A grant counts as in `KeyUse`: also when only older tokens of it were
   * made with the key. What the sweeper puts off meanwhile comes later, so that a walk to the end has seen all.
   */
  grantsOf(kid: number, after: string | null, enough?: number): Promise<{ grant_ids: string[]; next: string | null }>
}

/** The form of `after` and `next`: whatever has it, the database takes. */
export const PAGE_MARK = /^(?:\d|1\d|2[0-4])_\d{0,16}_[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}_\d{1,9}$/

/** What one question looks at, at the most. */
const COUNTED = 10_000
const PAGE = 1_000
const MOST_ASKED = 40

/**
 * Reads what still needs which key. How long it takes does not depend on how many tokens there are: what is counted is
 * counted up to a bound, and what is listed comes in pages in the order of an index.
 */
export function createKeyUseReader(
  { knex, schema, topics }: ReadModel,
  { counted = COUNTED, page = PAGE } = {},
): KeyUseReader {
  const ask = async <Row>(sql: string, bindings: Record<string, string | number | null> = {}) => {
    const { rows } = await knex.raw<{ rows: Row[] }>(sql, { ...topics, ...bindings })
    return rows
  }

  async function use(kid: number): Promise<KeyUse> {
    const [row] = await ask<Counted>(countSql(schema), { kid, most: counted })
    const clients = await ask<{ client_id: string }>(clientsSql(schema), { kid })
    if (!row) throw new Error('an aggregate is one row')
    const { looked, never, ends, ...counts } = row
    const capped = looked >= counted
    const until = never ? Infinity : ends
    return {
      ...{ kid, ...counts, capped, clients: clients.map(({ client_id }) => client_id) },
      ends: capped && until !== Infinity ? null : until,
    }
  }

  async function uses(among: (kid: number) => boolean = () => true): Promise<KeyUse[]> {
    const found: KeyUse[] = []
    const kids = await ask<{ kid: number }>(kidsSql(schema))
    for (const { kid } of kids.filter((one) => among(one.kid))) found.push(await use(kid))
    return found
  }

  async function grantsOf(kid: number, after: string | null, enough = page) {
    const grant_ids = new Set<string>()
    let mark = after === null ? firstOf(0) : markOf(after)
    for (let asked = 0; asked < MOST_ASKED && mark.range < RANGES && grant_ids.size < enough; asked++) {
      const { range, ...beyond } = mark
      const { sql, partition } = rangeOf(schema, range)
      const most = page - grant_ids.size
      const [row] = await ask<Page>(sql, { kid, partition, most, ...beyond })
      for (const grant_id of row?.found ?? []) grant_ids.add(grant_id)
      mark = !row?.last || row.looked < most ? firstOf(range + 1) : { range, ...row.last }
    }
    return { grant_ids: [...grant_ids], next: mark.range === RANGES ? null : textOf(mark) }
  }

  return { uses, use, grantsOf }
}

/** Whether anything of this kid lives, by however many pages it takes. */
export async function isKeyAlive({ grantsOf }: KeyUseReader, kid: number): Promise<boolean> {
  let after: string | null = null
  do {
    const { grant_ids, next }: { grant_ids: string[]; next: string | null } = await grantsOf(kid, after, 1)
    if (grant_ids.length > 0) return true
    after = next
  } while (after !== null)
  return false
}

/** A count as it is told: where not all was counted it is a lower bound. */
export function countText(count: number, { capped }: Pick<KeyUse, 'capped'>): string {
  return capped ? `${count} or more` : String(count)
}

type Counted = Omit<KeyUse, 'kid' | 'clients' | 'capped'> & { looked: number; never: boolean }
type Page = { looked: number; found: string[] | null; last: Omit<Mark, 'range'> | null }

/** Where a walk is: in one of the ranges, beyond this token of it. `look_at`: in µs since 1970, as text. */
type Mark = { range: number; look_at: string | null; grant_id: string; generation: number }

// The codes, and of each partition the tokens with a date and those without.
const RANGES = 1 + 2 * GRANT_PARTITIONS

function rangeOf(schema: string, range: number): { sql: string; partition: number } {
  if (range === 0) return { sql: codesPageSql(schema), partition: 0 }
  const partition = Math.floor((range - 1) / 2)
  return { sql: tokensPageSql(schema, range % 2 === 1 ? 'dated' : 'never'), partition }
}

// Below every UUIDv7.
const FIRST = '00000000-0000-0000-0000-000000000000'

function firstOf(range: number): Mark {
  return { range, look_at: '0', grant_id: FIRST, generation: 0 }
}

function textOf({ range, look_at, grant_id, generation }: Mark): string {
  return `${range}_${look_at ?? ''}_${grant_id}_${generation}`
}

function markOf(text: string): Mark {
  const [range, look_at, grant_id, generation] = text.split('_')
  return {
    range: Number(range),
    look_at: look_at || null,
    grant_id: grant_id ?? FIRST,
    generation: Number(generation),
  }
}
