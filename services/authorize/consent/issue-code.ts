import { eventContext } from '../../../shared/callers/event-context.ts'
import type { HttpContext } from '../../../shared/http/context.ts'
import {
  authorizeGrant,
  type AuthorizeCommand,
  type AuthorizeDecision,
} from '../../../shared/ledger/grant/commands/authorize.ts'
import type { Refusal } from '../../../shared/ledger/grant/commands/refusal.ts'
import { codeUntil, deadBecause } from '../../../shared/ledger/grant/liveness.ts'
import { numericDate } from '../../../shared/ledger/grant/times.ts'
import { commitAndRead } from '../../../shared/read-model/commit/commit.ts'
import { requireCurrentKey } from '../../../shared/read-model/reads/settled-token.ts'
import type { TokenView } from '../../../shared/read-model/reads/tokens.ts'
import { Unsettled } from '../../../shared/read-model/unsettled.ts'
import { formatToken } from '../../../shared/tokens/token-string.ts'
import type { Authorize, Session } from '../authorize.ts'
import type { AuthorizationRequest } from '../request/authorization-request.ts'
import type { ProvenClient } from '../request/prove-client.ts'

/** What a user allows a client, as `session` has it. */
export type Consenting = {
  grant_id: string
  request: AuthorizationRequest
  session: Session
  /** What of the asked scope was allowed. */
  scope: string | null
  consent: NonNullable<AuthorizeCommand['consent']>
}

/** `over`: this grant had its code before, which was used or has ended. */
export type Issued =
  | { code: string; refused?: undefined; over?: undefined }
  | { refused: Refusal; code?: undefined; over?: undefined }
  | { over: true; code?: undefined; refused?: undefined }

/**
 * decide → append → wait → answer. `proven` is read beside `grant_id`. Where this grant was authorized before, by the
 * same approval, the code is the same one.
 */
export async function issueCode(
  authorize: Authorize,
  ctx: HttpContext,
  { client, view }: ProvenClient,
  consenting: Consenting,
): Promise<Issued> {
  if (view.grant.status !== 'unknown') return codeOf(authorize, view)
  const { event, refused } = decide(authorize, client, consenting, view)
  if (refused) return { refused }
  requireCurrentKey(authorize.logger, event.data.kid, view.keys)
  const { grant_id, session } = consenting
  const written = {
    fact: event,
    context: eventContext(ctx, { type: 'user', id: session.sub }),
    decidedOn: view.checkpoint,
  }
  const read = () => authorize.read({ client_id: client.client_id, grant_id, generation: 0 })
  return codeOf(authorize, (await commitAndRead(authorize.commit, written, read)).view)
}

function decide(
  authorize: Authorize,
  client: ProvenClient['client'],
  { grant_id, request, session, scope, consent }: Consenting,
  view: TokenView,
): AuthorizeDecision {
  const { redirect_uri, code_challenge, code_challenge_method, nonce } = request
  return authorizeGrant({
    ...{ grant_id, client, scope, redirect_uri, code_challenge, code_challenge_method, consent },
    principal: { type: 'user', id: session.sub },
    pkce: authorize.pkce,
    code_lifetime: authorize.code_lifetime,
    kid: authorize.keys.current,
    // Of the earlier statement of the two that found the user and the client alive: what ends either since then ends
    // this grant too.
    registry_position: Math.min(session.registry_position, view.registry.next),
    auth_time: numericDate(session.auth_time),
    amr: [...session.amr],
    sid: session.sid,
    ...(nonce !== null && { nonce }),
  })
}

/** The code of a grant while it can be exchanged. */
function codeOf(authorize: Authorize, { grant, client, user, now }: TokenView): Issued {
  if (grant.status === 'unknown') throw new Unsettled('the authorization turned out void')
  if (grant.status !== 'authorized' || now >= codeUntil(grant) || deadBecause({ grant, client, user }))
    return { over: true }
  const { grant_id, code } = grant
  return { code: formatToken(authorize.keys, 'ac', { kid: code.kid, grant_id, generation: 0 }) }
}
