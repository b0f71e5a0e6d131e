import { authenticateCaller } from '../../shared/callers/authenticate-client.ts'
import { readClientCredentials } from '../../shared/callers/client-credentials.ts'
import { eventContext } from '../../shared/callers/event-context.ts'
import { refusedWith } from '../../shared/callers/refused.ts'
import type { HttpMiddleware } from '../../shared/http/context.ts'
import { readForm, required } from '../../shared/http/input/form-body.ts'
import { unavailable } from '../../shared/http/oauth-error.ts'
import { revokeGrant } from '../../shared/ledger/grant/revoke.ts'
import { readCommitted } from '../../shared/read-model/commit/commit.ts'
import { requireProjected } from '../../shared/read-model/reads/freshness.ts'
import { readWhenFresh } from '../../shared/read-model/reads/settled.ts'
import type { TokenView } from '../../shared/read-model/reads/tokens.ts'
import { parseToken } from '../../shared/tokens/token-string.ts'
import type { TokenEndpoint } from './endpoint.ts'

/**
 * POST /oauth2/revoke (RFC 7009): a token of any generation ends its whole grant. 200 means durable and projected: from
 * then on every instance refuses, a cached answer after 1 s at the latest. Unknown tokens are a success too.
 */
export function revoke(endpoint: TokenEndpoint): HttpMiddleware {
  return async (ctx) => {
    const form = await readForm(ctx)
    const credentials = readClientCredentials(ctx.get('authorization'), form)
    // Whatever token_type_hint says: the string itself tells its kind (RFC 7009 §2.1).
    const parsed = parseToken(endpoint.keys, required(form, 'token'))
    const key = {
      client_id: credentials.client_id,
      grant_id: parsed?.grant_id ?? null,
      generation: parsed?.generation ?? 0,
    }
    const view = await endpoint.read(key)
    authenticateCaller(ctx, endpoint, credentials, view)
    if (key.grant_id !== null) await end({ ...key, grant_id: key.grant_id }, view, ctx)
    ctx.body = {}
  }

  async function end(
    key: { client_id: string; grant_id: string; generation: number },
    read: TokenView,
    ctx: Parameters<HttpMiddleware>[0],
  ) {
    requireProjected(read.checkpoint)
    const view = read.grant.status === 'unknown' ? await readWhenFresh(endpoint, key, read) : read
    const revoked_by = { type: 'client' as const, id: key.client_id }
    const { events, refused } = revokeGrant(view.grant, {
      client_id: key.client_id,
      reason: 'client_request',
      revoked_by,
    })
    if (refused) throw refusedWith(refused)
    const [event] = events
    if (!event) return
    const committed = await endpoint.commit(event, eventContext(ctx, revoked_by))
    const after = await readCommitted(endpoint, key, committed)
    if (after.grant.status !== 'revoked') throw unavailable('the revocation turned out void')
  }
}
