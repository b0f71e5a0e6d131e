import { authenticateCaller } from '../../../shared/callers/authenticate-client.ts'
import type { ClientCredentials } from '../../../shared/callers/client-credentials.ts'
import { eventContext } from '../../../shared/callers/event-context.ts'
import { refusedWith } from '../../../shared/callers/refused.ts'
import type { HttpContext } from '../../../shared/http/context.ts'
import { type Form, required } from '../../../shared/http/input/form-body.ts'
import { OAuthError } from '../../../shared/http/oauth-error.ts'
import type { Client } from '../../../shared/ledger/events.ts'
import { grantTypeRefusal } from '../../../shared/ledger/grant/issue.ts'
import { deadBecause } from '../../../shared/ledger/grant/liveness.ts'
import { answerRefresh, type RefreshCommand, refreshTokens } from '../../../shared/ledger/grant/refresh.ts'
import { refuse } from '../../../shared/ledger/grant/refusal.ts'
import { readCommitted } from '../../../shared/read-model/commit/commit.ts'
import { requireRecentView } from '../../../shared/read-model/reads/freshness.ts'
import { alarmIfAhead, isPerhapsTooNew, readWhenFresh } from '../../../shared/read-model/reads/settled.ts'
import type { TokenKey, TokenView } from '../../../shared/read-model/reads/tokens.ts'
import { tokenResponse, type TokenResponse } from '../../../shared/tokens/token-response.ts'
import { type ParsedToken, parseToken } from '../../../shared/tokens/token-string.ts'
import type { TokenEndpoint } from '../endpoint.ts'

type Presented = { token: ParsedToken; client: Client; scope: string | null }

/**
 * grant_type=refresh_token (RFC 6749 §6). Equal requests, at once or within the grace, on one process or many, are
 * answered with the same pair; a token that was spent longer ago ends its grant.
 */
export function createRefreshTokenGrant(endpoint: TokenEndpoint) {
  const inFlight = new Map<string, Promise<TokenResponse>>()

  return async (ctx: HttpContext, form: Form, credentials: ClientCredentials): Promise<TokenResponse> => {
    const parsed = parseToken(endpoint.keys, required(form, 'refresh_token'))
    const token = parsed?.kind === 'rt' ? parsed : null
    const view = await endpoint.read(keyOf(credentials.client_id, token))
    const client = authenticateCaller(ctx, endpoint, credentials, view)
    requireRecentView(view, endpoint.maxLagMs)
    const barred = grantTypeRefusal(client, 'refresh_token')
    if (barred) throw refusedWith(barred)
    if (!token) throw refusedWith(refuse('invalid_grant', 'token_malformed'))
    const presented = { token, client, scope: form['scope'] ?? null }
    const settled = await settle(endpoint, presented, view)
    return merged(inFlight, presented, () => refresh(endpoint, ctx, presented, settled))
  }
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

/** A token with a right MAC that the read model does not know *yet* is never refused: wait until it is known, or surely not. */
async function settle(endpoint: TokenEndpoint, { token, client }: Presented, view: TokenView): Promise<TokenView> {
  if (!isPerhapsTooNew(view, token)) return view
  const later = await readWhenFresh(endpoint, keyOf(client.client_id, token), view)
  alarmIfAhead(endpoint.logger, later, token)
  return later
}

async function refresh(
  endpoint: TokenEndpoint,
  ctx: HttpContext,
  presented: Presented,
  view: TokenView,
): Promise<TokenResponse> {
  const command = commandOf(endpoint, presented, view)
  const { grant, client, user } = view
  const dead =
    grant.status === 'live' && grant.client_id === command.client_id ? deadBecause({ grant, client, user }) : null
  if (dead) throw refusedWith(refuse('invalid_grant', dead))
  const { events, repeat, refused } = refreshTokens(grant, command)
  if (repeat !== undefined) return answered(endpoint, view, repeat)
  const [event] = events
  if (!event) throw refusedWith(refused ?? refuse('invalid_grant', 'refused'))
  const committed = await endpoint.commit(event, eventContext(ctx, { type: 'client', id: command.client_id }))
  if (refused) throw refusedWith(refused)
  const after = await readCommitted(endpoint, keyOf(command.client_id, presented.token), committed)
  const answer = answerRefresh(after.grant, { ...commandOf(endpoint, presented, after), event_id: committed.event_id })
  if (answer.refused) throw refusedWith(answer.refused)
  return answered(endpoint, after, answer.generation)
}

function commandOf({ keys }: TokenEndpoint, { token, client, scope }: Presented, view: TokenView): RefreshCommand {
  return {
    client_id: client.client_id,
    presented_generation: token.generation,
    presented_kid: token.kid,
    stored_kid: view.generations.get(token.generation)?.kid,
    scope,
    now: view.now,
    kid: keys.current,
    access_token_lifetime: client.access_token_lifetime,
    refresh_grace_seconds: client.refresh_grace_seconds,
    next: view.generations.get(token.generation + 1) ?? null,
  }
}

function answered({ keys }: TokenEndpoint, { grant, generations, now }: TokenView, generation: number): TokenResponse {
  const row = generations.get(generation)
  if (grant.status !== 'live' || !row)
    throw new OAuthError('server_error', 'the generation to answer with is not there')
  return tokenResponse(keys, grant, row, now)
}

function keyOf(client_id: string, token: ParsedToken): TokenKey & { grant_id: string }
function keyOf(client_id: string, token: ParsedToken | null): TokenKey
function keyOf(client_id: string, token: ParsedToken | null): TokenKey {
  return { client_id, grant_id: token?.grant_id ?? null, generation: token?.generation ?? 0 }
}
