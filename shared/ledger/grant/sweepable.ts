import type { GrantState } from './state.ts'

const HOUR_MS = 3_600_000
const NEVER = Infinity

/** Whether a grant's row may be gone at `now` (ms): nothing of it can be used any more, for an hour or longer. */
export function mayBeSwept(state: GrantState, now: number): boolean {
  return deadSince(state) + HOUR_MS <= now
}

/** The same for one of its bearer tokens, which may die before the grant does. */
export function mayTokenBeSwept(
  state: GrantState,
  token: { generation: number; exp: number | null },
  now: number,
): boolean {
  return Math.min(deadSince(state), tokenDeadSince(state, token)) + HOUR_MS <= now
}

function deadSince(state: GrantState): number {
  switch (state.status) {
    case 'unknown':
      return NEVER
    case 'revoked':
      return state.at
    case 'authorized':
      return state.code_exp * 1000
    case 'live':
      return Math.max(refreshDeadSince(state), tokenDeadSince(state, state.current))
  }
}

function refreshDeadSince(state: Extract<GrantState, { status: 'live' }>): number {
  if (state.refresh_generation === 0 || state.refreshes_left === 0) return 0
  return Math.min(ms(state.refresh_exp), ms(state.absolute_exp))
}

// A token without end dies when the next one is made; the grant's latest event is not before that.
function tokenDeadSince(state: GrantState, { generation, exp }: { generation: number; exp: number | null }): number {
  const superseded = exp === null && state.status === 'live' && generation < state.access_generation
  return superseded ? state.at : ms(exp)
}

function ms(exp: number | null): number {
  return exp === null ? NEVER : exp * 1000
}
