import { accessTokenUntil, codeUntil, ENDED, latestOf, refreshTokenUntil, WITHOUT_END } from './liveness.ts'
import { type Generation, type GrantState, issuedOf } from './state.ts'

/** For so long a grant stays in the read model after nothing of it can be used any more, in ms. */
export const SWEPT_AFTER_MS = 3_600_000

/**
 * For so long writers still append to a dead grant, in ms: half the time, so that what was decided is in the log, and
 * folded, before the grant is swept.
 */
export const CLOSED_AFTER_MS = SWEPT_AFTER_MS / 2

/**
 * A bearer token as it was made. `next_at`: when the generation after it was made (ms), where that is known; else the
 * grant's latest event counts.
 */
type Token = Pick<Generation, 'generation' | 'exp'> & { next_at?: number | undefined }

/** Since when (ms) nothing of a grant can be used any more, or from when if nothing else happens to it. */
export function deadSince(state: GrantState): number {
  switch (state.status) {
    case 'unknown':
      return WITHOUT_END
    case 'revoked':
      return state.at
    case 'authorized':
      return codeUntil(state)
    case 'live':
      return Math.max(
        refreshTokenUntil(state),
        accessTokenUntil(state, state.current),
        latestOf(state.older_access_exp),
      )
  }
}

/** Whether writers append nothing to this grant any more at `now` (ms of the database): it is dead for half an hour. */
export function isClosed(state: GrantState, now: number): boolean {
  return deadSince(state) + CLOSED_AFTER_MS <= now
}

/** Whether a grant's row may be gone at `now` (ms): nothing of it can be used any more, for an hour or longer. */
export function mayBeSwept(state: GrantState, now: number): boolean {
  return deadSince(state) + SWEPT_AFTER_MS <= now
}

/**
 * The same for one of its bearer tokens, which may die before the grant does. The current one of a live grant, and the
 * one that its refresh token is of, go with their grant only: whoever reads the grant, or counts what a key has made,
 * needs them.
 */
export function mayTokenBeSwept(state: GrantState, token: Token, now: number): boolean {
  return Math.min(deadSince(state), tokenDeadSince(state, token)) + SWEPT_AFTER_MS <= now
}

function tokenDeadSince(state: GrantState, token: Token): number {
  const issued = issuedOf(state)
  if (issued === null) return WITHOUT_END
  const { access_generation, refresh_generation } = issued
  if (state.status === 'live' && [access_generation, refresh_generation].includes(token.generation)) return WITHOUT_END
  const until = accessTokenUntil(issued, token)
  // One that ended with the next was dead when that was made, and by the grant's latest event at the latest.
  return until === ENDED ? (token.next_at ?? issued.at) : until
}
