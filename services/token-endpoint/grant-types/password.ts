import { v7 as uuidv7 } from 'uuid'
import { authenticateCaller } from '../../../shared/callers/authenticate-client.ts'
import { authenticateUser, type Login, loginRefused, readLogin } from '../../../shared/callers/authenticate-user.ts'
import type { ClientCredentials } from '../../../shared/callers/client-credentials.ts'
import { eventContext } from '../../../shared/callers/event-context.ts'
import { limitedLogin } from '../../../shared/callers/failed-attempts.ts'
import { refusedWith } from '../../../shared/callers/refused.ts'
import type { HttpContext } from '../../../shared/http/context.ts'
import { type Form, required } from '../../../shared/http/input/form-body.ts'
import type { Client, Principal } from '../../../shared/ledger/events.ts'
import { grantTypeRefusal, issueTokens } from '../../../shared/ledger/grant/commands/issue.ts'
import { deadBecause } from '../../../shared/ledger/grant/liveness.ts'
import { commitAndRead } from '../../../shared/read-model/commit/commit.ts'
import { issuedTokens } from '../../../shared/read-model/commit/issued-tokens.ts'
import { type LoginView, nameKeysOf } from '../../../shared/read-model/passwords/read-login.ts'
import { requireCurrentKey } from '../../../shared/read-model/reads/settled-token.ts'
import type { TokenView } from '../../../shared/read-model/reads/tokens.ts'
import { Unsettled } from '../../../shared/read-model/unsettled.ts'
import type { TokenResponse } from '../../../shared/tokens/token-response.ts'
import type { TokenEndpoint } from '../endpoint.ts'

const PASSWORD = 'password'

/**
 * grant_type=password (RFC 6749 §4.3): a confidential client exchanges the name and the password of a user for tokens.
 * What is refused of name and password is told in one sentence, after the same work.
 */
export function createPasswordGrant(endpoint: TokenEndpoint) {
  return async (ctx: HttpContext, form: Form, credentials: ClientCredentials): Promise<TokenResponse> => {
    const [username, password] = [required(form, 'username'), required(form, PASSWORD)]
    const grant_id = uuidv7()
    const key = { client_id: credentials.client_id, grant_id, generation: 1 }
    const caller = await endpoint.read(key)
    const client = await authenticateCaller(ctx, endpoint, credentials, caller)
    const barred = grantTypeRefusal(client, PASSWORD)
    if (barred) throw refusedWith(barred)
    // Only now: by what a name is found is asked of the database each time, and made where there never was a name.
    const names = await nameKeysOf(endpoint.people, username)
    const login: Login = { grant_id, password, read: () => endpoint.readLogin({ ...key, ...names }) }
    const view = await readLogin(endpoint, login, await login.read())
    const named = { name_index: names.username_index, sub: view.account?.user.value?.sub ?? null }
    const proven = await limitedLogin(ctx, endpoint, named, async () => authenticateUser(endpoint, login, view))
    if (proven.refused) throw refusedWith(proven.refused)
    requireSameCaller(caller, proven.view)
    const principal: Principal = { type: 'user', id: proven.sub }
    return issue(endpoint, ctx, { client, principal, grant_id, scope: form['scope'] ?? null, view: proven.view })
  }
}

/** Unsettled: what ended the grants of this client since it proved itself would not end this one, which comes later. */
function requireSameCaller(before: TokenView, { caller }: TokenView): void {
  if (before.caller?.last_offset !== caller?.last_offset) throw new Unsettled('the client was changed meanwhile')
}

type Issue = { client: Client; principal: Principal; grant_id: string; scope: string | null; view: LoginView }

/** At the registry position of the statement that the user was proved by: what ended since then ends this grant too. */
async function issue(endpoint: TokenEndpoint, ctx: HttpContext, { view, ...asked }: Issue): Promise<TokenResponse> {
  const kid = endpoint.keys.current
  const { event, refused } = issueTokens({
    ...asked,
    grant_type: PASSWORD,
    registry_position: view.registry.next,
    kid,
  })
  if (refused) throw refusedWith(refused)
  requireCurrentKey(endpoint.logger, kid, view.keys)
  const written = { fact: event, context: eventContext(ctx, asked.principal), decidedOn: view.checkpoint }
  const { grant_id, client } = asked
  const read = () => endpoint.read({ client_id: client.client_id, grant_id, generation: 1 })
  const { view: after, committed } = await commitAndRead(endpoint.commit, written, read)
  const tokens = issuedTokens(endpoint, after, committed)
  const dead = after.grant.status === 'live' ? deadBecause({ ...after, grant: after.grant }) : null
  if (dead) throw refusedWith(loginRefused(dead))
  return tokens
}
