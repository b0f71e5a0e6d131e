import { authenticateCaller } from '../../../shared/callers/authenticate-client.ts'
import type { ClientCredentials } from '../../../shared/callers/client-credentials.ts'
import { eventContext } from '../../../shared/callers/event-context.ts'
import { refusedWith } from '../../../shared/callers/refused.ts'
import type { HttpContext } from '../../../shared/http/context.ts'
import { required, type Form } from '../../../shared/http/input/form-body.ts'
import type { Client } from '../../../shared/ledger/events.ts'
import { grantTypeRefusal } from '../../../shared/ledger/grant/commands/issue.ts'
import {
  answerOf,
  answerRefresh,
  refreshTokens,
  type RefreshCommand,
} from '../../../shared/ledger/grant/commands/refresh.ts'
import { refuse } from '../../../shared/ledger/grant/commands/refusal.ts'
import { commitAndRead } from '../../../shared/read-model/commit/commit.ts'
import { tokensOf } from '../../../shared/read-model/commit/issued-tokens.ts'
import { requirePast } from '../../../shared/read-model/reads/freshness.ts'
import { TO_USE } from '../../../shared/read-model/reads/settled.ts'
import { readSettledToken, requireCurrentKey } from '../../../shared/read-model/reads/settled-token.ts'
import type { TokenView } from '../../../shared/read-model/reads/tokens.ts'
import { Contradiction, Unsettled } from '../../../shared/read-model/unsettled.ts'
import type { TokenResponse } from '../../../shared/tokens/token-response.ts'
import { type ParsedToken, presentedToken, type PresentedToken } from '../../../shared/tokens/token-string.ts'
import type { TokenEndpoint } from '../endpoint.ts'

/** A refresh token that a client has shown, and how to read what is known of its grant around a generation. */
type Presented = {
  token: ParsedToken
  client: Client
  scope: string | null
  readAt: (generation: number) => Promise<TokenView>
}

/**
 * grant_type=refresh_token (RFC 6749 §6). Equal requests, at once or within the grace, on one process or many, are
 * answered with the same pair; a token that was spent longer ago ends its grant.
 */
export function createRefreshTokenGrant(endpoint: TokenEndpoint) {
  const inFlight = new Map<string, Promise<TokenResponse>>()

  return async (ctx: HttpContext, form: Form, credentials: ClientCredentials): Promise<TokenResponse> => {
    const presented = refreshTokenIn(endpoint, form)
    const { client_id } = credentials
    const grant_id = presented?.grant_id ?? null
    const readAt = (generation: number) => endpoint.read({ client_id, grant_id, generation })
    const read = () => readAt(presented?.generation ?? 0)
    const first = await read()
    const client = await authenticateCaller(ctx, endpoint, credentials, first)
    const { view, token } = await readSettledToken(endpoint, { purpose: TO_USE, presented, first, read })
    const barred = grantTypeRefusal(client, 'refresh_token')
    if (barred) throw refusedWith(barred)
    if (!token) throw refusedWith(refuse('invalid_grant', 'token_malformed'))
    const shown = { token, client, scope: form['scope'] ?? null, readAt }
    return merged(inFlight, shown, () => refresh(endpoint, ctx, shown, view))
  }
}

function refreshTokenIn({ keys }: TokenEndpoint, form: Form): PresentedToken | null {
  const presented = presentedToken(keys, required(form, 'refresh_token'))
  return presented?.kind === 'rt' ? presented : null
}

/** Equal requests that this process is answering already share one answer: one event, one wait. */
function merged(
  inFlight: Map<string, Promise<TokenResponse>>,
  { token, client, scope }: Presented,
  answer: () => Promise<TokenResponse>,
): Promise<TokenResponse> {
  const name = [client.client_id, token.grant_id, token.generation, token.kid, scope].join(' ')
  const running = inFlight.get(name)
  if (running) return running
  const started = answer().finally(() => inFlight.delete(name))
  inFlight.set(name, started)
  return started
}

/**
 * decide → append → wait → answer. A reuse is refused, and recorded first. Nothing is decided, not even a repeat, while
 * the clocks that a grace is measured with are apart.
 */
async function refresh(
  endpoint: TokenEndpoint,
  ctx: HttpContext,
  presented: Presented,
  view: TokenView,
): Promise<TokenResponse> {
  endpoint.clocks.requireTogether()
  const command = commandOf(endpoint, presented, { view, next: answerIn(view, presented) })
  const { event, repeat, refused } = refreshTokens(view.grant, command)
  if (repeat !== undefined) return answered(endpoint, presented, { view, generation: repeat })
  const context = eventContext(ctx, { type: 'client', id: presented.client.client_id })
  const decidedOn = view.checkpoint
  if (refused) {
    if (event) requireAge(command)
    if (event) await endpoint.commit(event, context, decidedOn)
    throw refusedWith(refused)
  }
  requireCurrentKey(endpoint.logger, endpoint.keys.current, view.keys)
  const written = { fact: event, context, decidedOn }
  const made = event.data.access_generation
  const { view: after, committed } = await commitAndRead(endpoint.commit, written, () => presented.readAt(made - 1))
  const asked = { ...commandOf(endpoint, presented, { view: after, next: made }), ...committed }
  const answer = answerRefresh(after.grant, asked)
  if (answer.contradiction !== undefined) throw contradicted(presented, answer.contradiction)
  if (answer.overtaken) throw new Unsettled('a refresh of another scope came first')
  if (answer.refused) requireAge(asked)
  if (answer.refused) throw refusedWith(answer.refused)
  return answered(endpoint, presented, { view: after, generation: answer.generation })
}

function contradicted({ token: { grant_id, generation } }: Pick<Presented, 'token'>, what: string): Contradiction {
  const reason = `a refresh of grant ${grant_id}, generation ${generation}, was folded, and left ${what}`
  return new Contradiction('read_model_contradicts', reason)
}

/** The generation that an equal request before this one was answered with, if there was one. */
function answerIn({ grant }: TokenView, { token }: Presented): number {
  return grant.status === 'live' ? answerOf(grant, token.generation) : token.generation + 1
}

function commandOf(
  { keys }: TokenEndpoint,
  { token, client, scope }: Presented,
  { view, next }: { view: TokenView; next: number },
): RefreshCommand {
  return {
    client_id: client.client_id,
    presented_generation: token.generation,
    presented_kid: token.kid,
    stored_kid: view.generations.get(token.generation)?.kid,
    scope,
    client: view.client,
    user: view.user,
    now: view.now,
    kid: keys.current,
    access_token_lifetime: client.access_token_lifetime,
    refresh_grace_seconds: client.refresh_grace_seconds,
    next: view.generations.get(next) ?? null,
  }
}

/**
 * Unsettled, before anybody is taken for a thief, when the tokens to answer with are of a database clock that was set
 * back since: nobody knows whether the grace still covers them.
 */
function requireAge({ next, now }: RefreshCommand): void {
  if (next) requirePast(next.projected_at, now)
}

function answered(
  endpoint: TokenEndpoint,
  { token }: Presented,
  { view: { grant, generations, now }, generation }: { view: TokenView; generation: number },
): TokenResponse {
  const row = generations.get(generation)
  if (grant.status !== 'live' || !row)
    throw new Contradiction('read_model_contradicts', `generation ${generation} is answered with, and is not there`)
  return tokensOf(endpoint, grant, { row, refresh: grant.refresh_rotation ? row : token, now })
}
