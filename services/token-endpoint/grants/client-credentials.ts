import { v7 as uuidv7 } from 'uuid'
import { authenticateCaller } from '../../../shared/http/authenticate-caller.ts'
import type { ClientCredentials } from '../../../shared/http/client-credentials.ts'
import type { HttpContext } from '../../../shared/http/create-app.ts'
import { eventContext } from '../../../shared/http/event-context.ts'
import type { Form } from '../../../shared/http/form-body.ts'
import { issuedTokens } from '../../../shared/http/issued-tokens.ts'
import { requireRecentView } from '../../../shared/http/require-recent.ts'
import { issueTokens } from '../../../shared/ledger/issue.ts'
import type { TokenResponse } from '../../../shared/tokens/token-response.ts'
import { readCommitted, refusedWith, type TokenEndpoint } from '../token-context.ts'

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
