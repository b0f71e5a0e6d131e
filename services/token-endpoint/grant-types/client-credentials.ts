import { v7 as uuidv7 } from 'uuid'
import { authenticateCaller } from '../../../shared/callers/authenticate-client.ts'
import type { ClientCredentials } from '../../../shared/callers/client-credentials.ts'
import { eventContext } from '../../../shared/callers/event-context.ts'
import { refusedWith } from '../../../shared/callers/refused.ts'
import type { HttpContext } from '../../../shared/http/context.ts'
import type { Form } from '../../../shared/http/input/form-body.ts'
import type { Principal } from '../../../shared/ledger/events.ts'
import { issueTokens } from '../../../shared/ledger/grant/commands/issue.ts'
import { commitAndRead } from '../../../shared/read-model/commit/commit.ts'
import { issuedTokens } from '../../../shared/read-model/commit/issued-tokens.ts'
import { readSettled, TO_USE } from '../../../shared/read-model/reads/settled.ts'
import { requireCurrentKey } from '../../../shared/read-model/reads/settled-token.ts'
import type { TokenResponse } from '../../../shared/tokens/token-response.ts'
import type { TokenEndpoint } from '../endpoint.ts'

/** grant_type=client_credentials (RFC 6749 §4.4): the client is its own principal; no refresh token. */
export function createClientCredentialsGrant(endpoint: TokenEndpoint) {
  return async (ctx: HttpContext, form: Form, credentials: ClientCredentials): Promise<TokenResponse> => {
    const grant_id = uuidv7()
    const read = () => endpoint.read({ client_id: credentials.client_id, grant_id, generation: 1 })
    const first = await read()
    const client = await authenticateCaller(ctx, endpoint, credentials, first)
    // The grant is being made here: nobody else can know of it.
    const view = await readSettled(endpoint, { purpose: TO_USE, asked: null, first, read })
    const principal: Principal = { type: 'client', id: client.client_id }
    const { event, refused } = issueTokens({
      grant_id,
      client,
      principal,
      grant_type: 'client_credentials',
      scope: form['scope'] ?? null,
      registry_position: view.registry.next,
      kid: endpoint.keys.current,
    })
    if (refused) throw refusedWith(refused)
    requireCurrentKey(endpoint.logger, endpoint.keys.current, view.keys)
    const written = { fact: event, context: eventContext(ctx, principal), decidedOn: view.checkpoint }
    const { view: after, committed } = await commitAndRead(endpoint.commit, written, read)
    return issuedTokens(endpoint, after, committed)
  }
}
