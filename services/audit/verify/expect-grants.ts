import type { Judged } from '../../../shared/event-log/fold-log.ts'
import type { Position } from '../../../shared/ledger/events.ts'
import { mayBeSwept, mayTokenBeSwept } from '../../../shared/ledger/grant/sweepable.ts'
import { bearerTokenRow, type BearerTokenRow, grantRow } from '../../../shared/read-model/grant-rows.ts'
import type { KnownGrant } from '../spill/state-text.ts'
import type { Difference } from './compare.ts'
import { firstOf, isLate, isMadeBy } from './expectation.ts'
import { BEARER_TOKENS, digestOf, GRANTS, jsonOf, withJson } from './row-digest.ts'
import type { Sighted } from './sightings.ts'

/** Something is wrong with this grant; `named`: as far as that is known without looking at its rows again. */
export type Suspicion = { grant_id: string; named: Difference; looksAgain: boolean }

/**
 * Rows of a partition as they were seen, one by one. `next`: where its checkpoint stood before the first was. `now`:
 * the database's clock after the last.
 */
export type SeenRows = { grants: Sighted; tokens: Sighted; next: number; now: number }

/** What the log makes of a partition of grants, held against its rows as they were seen. */
export type GrantsExpectation = {
  take(judged: Judged[]): Suspicion | null
  end(): Suspicion | null
  /** How many events so far the read model may rightly have taken for void. */
  lates(): number
}

type Token = Pick<BearerTokenRow, 'generation' | 'exp'> & { next_at?: number }
type Absent = { isAbsent: boolean; tokens: Token[] }

/**
 * A grant's row is compared when the fold passes the event that wrote it, a token's with the event that made it, so
 * each as of its own moment, whatever writers and sweeper do meanwhile. What the fold made below `next` was there
 * before the first row was seen: it must have been seen, unless it may be swept by `now`. Of what was not seen only
 * that is held which may not be swept as far as the fold has come.
 */
export function expectGrants({ grants, tokens, next, now }: SeenRows): GrantsExpectation {
  const absent = new Map<string, Absent>()
  let lates = 0

  function takeOne(judged: Judged): Suspicion | null {
    const { recorded, grant: state } = judged
    if (judged.void !== null || state === null || state.status === 'unknown') return null
    const { position } = recorded
    const made = isMadeBy(state, recorded) ? bearerTokenRow(state, position.partition) : null
    const place = grants.find(state.grant_id)
    const token = made ? tokens.find(state.grant_id, made.generation) : -1
    const late = isLate(judged)
    if (late) lates++
    note(state, { offset: position.offset, isSeen: place >= 0, lost: token < 0 ? made : null, late })
    if (made && token >= 0 && !tokens.compare(token, digestOf(BEARER_TOKENS, made)))
      return suspicion('bearer_tokens', made.grant_id, { generation: made.generation, ...CHANGED })
    return place < 0 ? null : compareGrant(state, position, place)
  }

  function compareGrant(state: KnownGrant, position: Position, place: number): Suspicion | null {
    const seenAt = grants.at(place)
    const { offset } = position
    if (seenAt < offset && offset < next)
      return suspicion('grants', state.grant_id, { column: 'last_offset', log: offset, read_model: seenAt })
    if (seenAt !== offset) return null
    const row = grantRow(state, position)
    const digest = withJson(digestOf(GRANTS, row), jsonOf(GRANTS, row))
    return grants.compare(place, digest) ? null : suspicion('grants', state.grant_id, CHANGED)
  }

  function note(state: KnownGrant, { offset, isSeen, lost, late }: Noted): void {
    const { grant_id } = state
    if (late) return void absent.delete(grant_id)
    const noted = absent.get(grant_id)
    if (!noted && (offset >= next || (isSeen && !lost))) return
    const made = lost && offset < next ? [lost] : []
    const before = (noted?.tokens ?? []).map((token) => followed(token, state))
    const kept = [...before, ...made].filter((token) => !mayTokenBeSwept(state, token, now))
    const isAbsent = !isSeen && !mayBeSwept(state, now)
    if (isAbsent || kept.length > 0) absent.set(grant_id, { isAbsent, tokens: kept })
    else absent.delete(grant_id)
  }

  function end(): Suspicion | null {
    for (const [grant_id, { tokens: lost }] of absent) {
      const [token] = lost
      return token
        ? suspicion('bearer_tokens', grant_id, { generation: token.generation, ...MISSING })
        : suspicion('grants', grant_id, MISSING)
    }
    const grant = grants.unmarked()
    if (grant) return suspicion('grants', grant.grant_id, LEFT_OVER)
    const token = tokens.unmarked()
    return token && suspicion('bearer_tokens', token.grant_id, { generation: token.at, ...LEFT_OVER })
  }

  return { take: (judged) => firstOf(judged, takeOne), end, lates: () => lates }
}

/** The token, with when the next was made if that was just now: one that does not expire ended then. */
function followed(token: Token, state: KnownGrant): Token {
  const isNext = state.status === 'live' && state.current.generation === token.generation + 1
  return isNext ? { next_at: state.current.at, ...token } : token
}

type Noted = { offset: number; isSeen: boolean; lost: Token | null; late: boolean }

const CHANGED = { column: null, log: 'a row', read_model: 'another row' }
const MISSING = { column: null, log: 'a row', read_model: 'no row' }
const LEFT_OVER = { column: null, log: 'no row', read_model: 'a row' }

type Found = Omit<Difference, 'table' | 'key'> & { generation?: number }

function suspicion(table: string, grant_id: string, { generation, ...found }: Found): Suspicion {
  const key = generation === undefined ? grant_id : `${grant_id}/${generation}`
  // What is not there has no column that could be named.
  return { grant_id, named: { table, key, ...found }, looksAgain: found.read_model !== 'no row' }
}
