import { v7 as uuidv7 } from 'uuid'
import { authenticateCaller } from '../../../shared/callers/authenticate-client.ts'
import type { ClientCredentials } from '../../../shared/callers/client-credentials.ts'
import { eventContext } from '../../../shared/callers/event-context.ts'
import { refusedWith } from '../../../shared/callers/refused.ts'
import type { HttpContext } from '../../../shared/http/context.ts'
import type { Form } from '../../../shared/http/input/form-body.ts'
import { issueTokens } from '../../../shared/ledger/grant/issue.ts'
import { readCommitted } from '../../../shared/read-model/commit/commit.ts'
import { issuedTokens } from '../../../shared/read-model/commit/issued-tokens.ts'
import { requireRecentView } from '../../../shared/read-model/reads/freshness.ts'
import type { TokenResponse } from '../../../shared/tokens/token-response.ts'
import type { TokenEndpoint } from '../endpoint.ts'

/** grant_type=client_credentials (RFC 6749 §4.4): the client is its own principal; no refresh token. */
export function createClientCredentialsGrant(endpoint: TokenEndpoint) {
  return async (ctx: HttpContext, form: Form, credentials: ClientCredentials): Promise<TokenResponse> => {
    const grant_id = uuidv7()
    const key = { client_id: credentials.client_id, grant_id, generation: 1 }
    const view = await endpoint.read(key)
    const client = authenticateCaller(ctx, endpoint, credentials, view)
    requireRecentView(view, endpoint.maxLagMs)
    const { events, refused } = issueTokens({
      grant_id,
      client,
      principal: { type: 'client', id: client.client_id },
      grant_type: 'client_credentials',
      scope: form['scope'] ?? null,
      registry_position: view.registry.next,
      kid: endpoint.keys.current,
    })
    const [event] = events
    if (refused || !event) throw refusedWith(refused ?? { error: 'invalid_grant', reason: 'no_event', description: '' })
    const committed = await endpoint.commit(event, eventContext(ctx, { type: 'client', id: client.client_id }))
    return issuedTokens(endpoint, await readCommitted(endpoint, key, committed), committed)
  }
}
