import type { HttpContext } from '../../../shared/http/context.ts'
import { OAuthError } from '../../../shared/http/oauth-error.ts'
import type { Client } from '../../../shared/ledger/events.ts'
import { askedRedirectUriProblem } from '../../../shared/ledger/redirect-uri.ts'
import { requireRecent } from '../../../shared/read-model/reads/freshness.ts'
import type { SessionView } from '../../../shared/read-model/sessions/read-session.ts'
import type { TokenView } from '../../../shared/read-model/reads/tokens.ts'
import type { Authorize } from '../authorize.ts'
import type { Onward } from '../login/onward.ts'
import type { AuthorizationRequest } from './authorization-request.ts'
import { type Parameters, single } from './parameters.ts'

/** Who asks, and where the answer may go. `grant_id`: also what is known of that grant. */
export type Asking = { client_id: string | null; redirect_uri: string | null; grant_id?: string }

/**
 * A client that is registered and enabled, and one of its own redirect URIs. `beside`: what the same statement told of
 * the session; `null`: no cookie came, or it was asked about a grant.
 */
export type ProvenClient = { client: Client; redirect_uri: string; view: TokenView; beside: SessionView | null }

/** The client and the redirect URI that parameters name. OAuthError for a page: nothing goes to where nobody proved. */
export function askingOf(parameters: Parameters): Asking {
  for (const name of ['client_id', 'redirect_uri'])
    if (parameters.get(name).length > 1 || parameters.get(name).some((value) => value.includes('\0')))
      throw new OAuthError('invalid_request', `${name} is malformed, or was sent twice`)
  return { client_id: single(parameters, 'client_id'), redirect_uri: single(parameters, 'redirect_uri') }
}

/** Proves who asks and where the answer may go. OAuthError for a page; Unsettled on a registry that is not recent. */
export async function proveClient(authorize: Authorize, ctx: HttpContext, asking: Asking): Promise<ProvenClient> {
  const { client_id, redirect_uri, grant_id = null } = asking
  if (client_id === null) throw new OAuthError('invalid_request', 'missing parameter: client_id')
  const beside = grant_id === null ? await authorize.sessions.read(ctx, client_id) : null
  const view = beside ?? (await authorize.read({ client_id, grant_id, generation: 0 }))
  requireRecent(view.registry, view.now, authorize.maxLagMs)
  const client = view.caller?.value
  if (!client?.enabled) throw new OAuthError('invalid_request', 'no application of this client_id may ask here')
  ctx.state.client_id = client.client_id
  const problem = askedRedirectUriProblem(client.redirect_uris, redirect_uri)
  if (problem !== null) throw new OAuthError('invalid_request', `redirect_uri ${problem}`)
  return { client, redirect_uri: redirect_uri ?? client.redirect_uris[0] ?? '', view, beside }
}

/** The same once more, for a request that was proven before: its client may have been changed since. */
export function proveAgain(
  authorize: Authorize,
  ctx: HttpContext,
  { client_id, redirect_uri }: AuthorizationRequest,
  grant_id?: string,
): Promise<ProvenClient> {
  return proveClient(authorize, ctx, { client_id, redirect_uri, ...(grant_id !== undefined && { grant_id }) })
}

/** The request as what a login goes on to. */
export function onwardOf({ client }: Pick<ProvenClient, 'client'>, request: AuthorizationRequest): Onward {
  return { to: 'client', request, client_name: client.client_name }
}
