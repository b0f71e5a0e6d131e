import type { GrantFact } from '../../events.ts'
import { codeUntil, deadBecause, type EntityState } from '../liveness.ts'
import type { GrantCode, GrantState, LiveGrant } from '../state.ts'
import { isClosed } from '../sweepable.ts'
import { isSurelyWithinGrace } from '../times.ts'
import type { Appended, NextGeneration } from './refresh.ts'
import { refuse, type Refusal } from './refusal.ts'
import { revocationOf } from './revoke.ts'

/** What the code_verifier of a request is to the stored code_challenge (RFC 7636 §4.6); `none`: there was none sent. */
export type Verification = 'none' | 'right' | 'wrong'

/** One presented code, already authenticated, parsed and MAC-checked. */
export type ExchangeCommand = {
  /** The client that presented it. */
  client_id: string
  /** The kid inside the presented code. */
  presented_kid: number
  /** As sent; `null` = omitted. */
  redirect_uri: string | null
  verification: Verification
  /** The client and user that the grant belongs to, as they are now. */
  client: EntityState | null
  user: EntityState | null
  /** The database's clock in ms, of the statement that read the state. */
  now: number
  /** The kid that signs from now on. */
  kid: number
  refresh_grace_seconds: number
  /** The row of generation 1. */
  first: NextGeneration | null
}

type Exchanged = Extract<GrantFact, { type: 'CodeExchanged' }>
type Revoked = Extract<GrantFact, { type: 'TokenRevoked' }>

/** A code that was exchanged longer ago than the grace is refused and has an event: refused *and* recorded. */
export type ExchangeDecision =
  { event: Exchanged; refused?: undefined } | { refused: Refusal; event?: Revoked | undefined }

/** `contradiction`: what was read cannot be, whatever the client did. */
export type ExchangeAnswer =
  | { generation: number; refused?: undefined; contradiction?: undefined }
  | { refused: Refusal; generation?: undefined; contradiction?: undefined }
  | { contradiction: string; generation?: undefined; refused?: undefined }

const CODE_REFUSED = 'The code is invalid, expired, was used, or was issued to another client.'

/**
 * Decides the exchange of a code (RFC 6749 §4.1.3): the client that it is bound to, then redirect_uri and code_verifier
 * as the authorization has them, then what became of client and user, then the code. A wrong request does nothing to
 * the grant; a right one with a code that was exchanged longer ago than the grace ends it (§4.1.2).
 */
export function exchangeCode(state: GrantState, command: ExchangeCommand): ExchangeDecision {
  if (state.status === 'unknown') return refusedBecause('grant_unknown')
  if (state.client_id !== command.client_id) return refusedBecause('client_mismatch')
  if (state.status === 'revoked') return refusedBecause('grant_revoked')
  if (state.code === null) return refusedBecause('code_unknown')
  if (state.code.kid !== command.presented_kid) return refusedBecause('kid_mismatch')
  const mismatch = requestProblem(state.code, command)
  if (mismatch) return { refused: mismatch }
  const dead = deadBecause({ grant: state, client: command.client, user: command.user })
  if (dead) return refusedBecause(dead)
  if (state.status === 'live') return presentedAgain(state, command)
  if (command.now >= codeUntil(state)) return refusedBecause('code_expired')
  const { grant_id, client_id } = state
  return { event: { type: 'CodeExchanged', data: { grant_id, client_id, kid: command.kid } } }
}

/**
 * What to answer once our own event was projected, from the state and generation 1 read then. Ours: the first tokens.
 * One that lost, was revoked meanwhile or came too late is `invalid_grant`, and nothing more is appended.
 */
export function answerExchange(
  state: GrantState,
  { event_id, logged_at, first, now }: Pick<ExchangeCommand, 'first' | 'now'> & Appended,
): ExchangeAnswer {
  switch (state.status) {
    case 'live':
      if (first === null) return { contradiction: 'no first tokens' }
      return first.event_id === event_id ? { generation: first.generation } : refusedAs('code_spent')
    case 'revoked':
      return refusedAs('grant_revoked')
    case 'authorized':
      return Math.max(now, logged_at, state.at) >= codeUntil(state)
        ? refusedAs('code_expired')
        : { contradiction: 'a code that can be exchanged' }
    case 'unknown':
      return { contradiction: 'no grant' }
  }
}

function requestProblem(code: GrantCode, { redirect_uri, verification }: ExchangeCommand): Refusal | null {
  if (redirect_uri !== code.redirect_uri) return redirectUriRefusal(code, redirect_uri)
  if (code.code_challenge === null) {
    const unasked = 'code_verifier was sent, and the authorization had no code_challenge.'
    return verification === 'none' ? null : refuse('invalid_request', 'verifier_unasked', unasked)
  }
  if (verification === 'right') return null
  return verification === 'none'
    ? refuse('invalid_grant', 'verifier_missing', 'code_verifier is required: the authorization had a code_challenge.')
    : refuse('invalid_grant', 'verifier_wrong', 'code_verifier does not match the code_challenge.')
}

function redirectUriRefusal({ redirect_uri }: GrantCode, sent: string | null): Refusal {
  if (redirect_uri === null)
    return refuse('invalid_grant', 'redirect_uri_unasked', 'redirect_uri was sent, and the authorization had none.')
  return sent === null
    ? refuse('invalid_grant', 'redirect_uri_missing', 'redirect_uri is required: the authorization had one.')
    : refuse('invalid_grant', 'redirect_uri_mismatch', 'redirect_uri is not the one of the authorization.')
}

function presentedAgain(grant: LiveGrant, { client_id, first, now, ...command }: ExchangeCommand): ExchangeDecision {
  if (first && isSurelyWithinGrace(first.projected_at, now, command.refresh_grace_seconds))
    return refusedBecause('code_spent')
  if (isClosed(grant, now)) return refusedBecause('code_reuse')
  const event = revocationOf(grant, { reason: 'code_reuse', revoked_by: { type: 'client', id: client_id } })
  return { ...refusedBecause('code_reuse'), event }
}

function refusedBecause(reason: string): { refused: Refusal } {
  return { refused: refuse('invalid_grant', reason, CODE_REFUSED) }
}

function refusedAs(reason: string): ExchangeAnswer {
  return refusedBecause(reason)
}
