import { accessTokenUntil, codeUntil, ENDED, refreshTokenUntil, WITHOUT_END } from './liveness.ts'
import { type Generation, type GrantState, issuedOf } from './state.ts'

const HOUR_MS = 3_600_000

type Token = Pick<Generation, 'generation' | 'exp'>

/** Whether a grant's row may be gone at `now` (ms): nothing of it can be used any more, for an hour or longer. */
export function mayBeSwept(state: GrantState, now: number): boolean {
  return deadSince(state) + HOUR_MS <= now
}

/** The same for one of its bearer tokens, which may die before the grant does. */
export function mayTokenBeSwept(state: GrantState, token: Token, now: number): boolean {
  return Math.min(deadSince(state), tokenDeadSince(state, token)) + HOUR_MS <= now
}

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
      return Math.max(refreshTokenUntil(state), accessTokenUntil(state, state.current))
  }
}

function tokenDeadSince(state: GrantState, token: Token): number {
  const issued = issuedOf(state)
  if (issued === null) return WITHOUT_END
  const until = accessTokenUntil(issued, token)
  // One that ended with the next was dead by the grant's latest event, if not before.
  return until === ENDED ? issued.at : until
}
