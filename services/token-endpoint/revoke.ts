import { authenticateCaller } from '../../shared/callers/authenticate-client.ts'
import { readClientCredentials } from '../../shared/callers/client-credentials.ts'
import { eventContext } from '../../shared/callers/event-context.ts'
import { refusedWith } from '../../shared/callers/refused.ts'
import type { HttpContext, HttpMiddleware } from '../../shared/http/context.ts'
import { readForm, required } from '../../shared/http/input/form-body.ts'
import type { Principal } from '../../shared/ledger/events.ts'
import { revokeGrant } from '../../shared/ledger/grant/commands/revoke.ts'
import { commitAndRead } from '../../shared/read-model/commit/commit.ts'
import { requireRevoked } from '../../shared/read-model/commit/require-revoked.ts'
import { TO_END } from '../../shared/read-model/reads/settled.ts'
import { readSettledToken } from '../../shared/read-model/reads/settled-token.ts'
import type { TokenView } from '../../shared/read-model/reads/tokens.ts'
import { presentedToken, type PresentedToken } from '../../shared/tokens/token-string.ts'
import type { TokenEndpoint } from './endpoint.ts'

/**
 * POST /oauth2/revoke (RFC 7009): a token of any generation ends its whole grant. 200 means durable and projected: from
 * then on every instance refuses, a cached answer after 1 s at the latest. Unknown tokens are a success too.
 */
export function revoke(endpoint: TokenEndpoint): HttpMiddleware {
  return async (ctx) => {
    const form = await readForm(ctx)
    const credentials = readClientCredentials(ctx.get('authorization'), form, ctx.path)
    // Whatever token_type_hint says: the string itself tells its kind (RFC 7009 §2.1).
    const presented = presentedToken(endpoint.keys, required(form, 'token'))
    const { client_id } = credentials
    const key = { client_id, grant_id: presented?.grant_id ?? null, generation: presented?.generation ?? 0 }
    const read = () => endpoint.read(key)
    const first = await read()
    await authenticateCaller(ctx, endpoint, credentials, first)
    if (presented) await end(endpoint, ctx, { client_id, presented, first, read })
    ctx.body = {}
  }
}

type Revoked = { client_id: string; presented: PresentedToken; first: TokenView; read: () => Promise<TokenView> }

async function end(endpoint: TokenEndpoint, ctx: HttpContext, { client_id, presented, first, read }: Revoked) {
  const { view, token } = await readSettledToken(endpoint, { purpose: TO_END, presented, first, read })
  if (!token) return
  const revoked_by: Principal = { type: 'client', id: client_id }
  const command = { client_id, reason: 'client_request', revoked_by, now: view.now }
  const { event, refused } = revokeGrant(view.grant, command)
  if (refused) throw refusedWith(refused)
  if (!event) return
  const written = { fact: event, context: eventContext(ctx, revoked_by), decidedOn: view.checkpoint }
  const { view: after } = await commitAndRead(endpoint.commit, written, read)
  requireRevoked(after.grant, event.data)
}
