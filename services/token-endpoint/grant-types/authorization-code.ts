import { authenticateCaller } from '../../../shared/callers/authenticate-client.ts'
import type { ClientCredentials } from '../../../shared/callers/client-credentials.ts'
import { eventContext } from '../../../shared/callers/event-context.ts'
import { refusedWith } from '../../../shared/callers/refused.ts'
import type { HttpContext } from '../../../shared/http/context.ts'
import { type Form, required } from '../../../shared/http/input/form-body.ts'
import type { Client } from '../../../shared/ledger/events.ts'
import { answerExchange, exchangeCode, type ExchangeCommand } from '../../../shared/ledger/grant/commands/exchange.ts'
import { grantTypeRefusal } from '../../../shared/ledger/grant/commands/issue.ts'
import { refuse } from '../../../shared/ledger/grant/commands/refusal.ts'
import type { GrantState } from '../../../shared/ledger/grant/state.ts'
import { commitAndRead } from '../../../shared/read-model/commit/commit.ts'
import { tokensOf } from '../../../shared/read-model/commit/issued-tokens.ts'
import { requirePast } from '../../../shared/read-model/reads/freshness.ts'
import { TO_USE } from '../../../shared/read-model/reads/settled.ts'
import { readSettledToken, requireCurrentKey } from '../../../shared/read-model/reads/settled-token.ts'
import type { TokenView } from '../../../shared/read-model/reads/tokens.ts'
import { Contradiction } from '../../../shared/read-model/unsettled.ts'
import { verify } from '../../../shared/tokens/pkce.ts'
import type { TokenResponse } from '../../../shared/tokens/token-response.ts'
import { type ParsedToken, presentedToken, type PresentedToken } from '../../../shared/tokens/token-string.ts'
import type { TokenEndpoint } from '../endpoint.ts'

/** A code that a client has shown, with what the request must match, and how to read what is known of it. */
type Presented = { token: ParsedToken; client: Client; form: Form; read: () => Promise<TokenView> }

/**
 * grant_type=authorization_code (RFC 6749 §4.1.3, RFC 7636 §4.5). A code is answered once: of equal requests one gets
 * the tokens and the others `invalid_grant`, and the grant lives. One that comes again after the grace ends its grant.
 */
export function createAuthorizationCodeGrant(endpoint: TokenEndpoint) {
  return async (ctx: HttpContext, form: Form, credentials: ClientCredentials): Promise<TokenResponse> => {
    const presented = codeIn(endpoint, form)
    const { client_id } = credentials
    const read = () => endpoint.read({ client_id, grant_id: presented?.grant_id ?? null, generation: 0 })
    const first = await read()
    const client = await authenticateCaller(ctx, endpoint, credentials, first)
    const { view, token } = await readSettledToken(endpoint, { purpose: TO_USE, presented, first, read })
    const barred = grantTypeRefusal(client, 'authorization_code')
    if (barred) throw refusedWith(barred)
    if (!token) throw refusedWith(refuse('invalid_grant', 'code_malformed', 'The code is invalid.'))
    return exchange(endpoint, ctx, { token, client, form, read }, view)
  }
}

function codeIn({ keys }: TokenEndpoint, form: Form): PresentedToken | null {
  const presented = presentedToken(keys, required(form, 'code'))
  return presented?.kind === 'ac' && presented.generation === 0 ? presented : null
}

/** decide → append → wait → answer. A reuse is refused, and recorded first. */
async function exchange(
  endpoint: TokenEndpoint,
  ctx: HttpContext,
  presented: Presented,
  view: TokenView,
): Promise<TokenResponse> {
  endpoint.clocks.requireTogether()
  const command = commandOf(endpoint, presented, view)
  const { event, refused } = exchangeCode(view.grant, command)
  const context = eventContext(ctx, { type: 'client', id: presented.client.client_id })
  const decidedOn = view.checkpoint
  if (refused) {
    // Of a database clock that was set back since nobody knows whether the grace still covers the first tokens.
    if (event && command.first) requirePast(command.first.projected_at, view.now)
    if (event) await endpoint.commit(event, context, decidedOn)
    throw refusedWith(refused)
  }
  requireCurrentKey(endpoint.logger, endpoint.keys.current, view.keys)
  const written = { fact: event, context, decidedOn }
  const { view: after, committed } = await commitAndRead(endpoint.commit, written, presented.read)
  const row = after.generations.get(1) ?? null
  const answer = answerExchange(after.grant, { ...committed, first: row, now: after.now })
  if (answer.refused) throw refusedWith(answer.refused)
  if (answer.contradiction !== undefined || after.grant.status !== 'live' || row === null)
    throw contradicted(event.data.grant_id, answer.contradiction ?? 'no tokens')
  return tokensOf(endpoint, after.grant, { row, now: after.now })
}

function contradicted(grant_id: string, what: string): Contradiction {
  return new Contradiction('read_model_contradicts', `the code of grant ${grant_id} was exchanged, and left ${what}`)
}

function commandOf({ keys }: TokenEndpoint, { token, client, form }: Presented, view: TokenView): ExchangeCommand {
  return {
    client_id: client.client_id,
    presented_kid: token.kid,
    redirect_uri: form['redirect_uri'] ?? null,
    verification: verify(challengeOf(view.grant), form['code_verifier'] ?? null),
    client: view.client,
    user: view.user,
    now: view.now,
    kid: keys.current,
    refresh_grace_seconds: client.refresh_grace_seconds,
    first: view.generations.get(1) ?? null,
  }
}

const NO_CHALLENGE = { code_challenge: null, code_challenge_method: null }

function challengeOf(grant: GrantState) {
  const code = grant.status === 'authorized' || grant.status === 'live' ? grant.code : null
  return code ?? NO_CHALLENGE
}
