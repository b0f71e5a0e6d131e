import { v7 as uuidv7 } from 'uuid'
import { isLoginEnough } from '../../../shared/accounts/sessions/login-time.ts'
import type { HttpContext } from '../../../shared/http/context.ts'
import { authorizeGrant } from '../../../shared/ledger/grant/commands/authorize.ts'
import type { Authorize, Session } from '../authorize.ts'
import { askedOf, isRemembered } from '../consent/asked.ts'
import { issueCode } from '../consent/issue-code.ts'
import { showConsent } from '../consent/show-consent.tsx'
import { showLogin } from '../login/show-login.tsx'
import { answerCode, answerError, answerRefusal, type AnswerTo, answerTo } from './answer-client.tsx'
import type { AuthorizationRequest, AnsweredError } from './authorization-request.ts'
import { onwardOf, proveAgain, type ProvenClient } from './prove-client.ts'

/** A request whose client is proven. */
export type Asked = { proven: ProvenClient; request: AuthorizationRequest }

/** Answers with what the request needs next: an error, the login, the consent, or a code where that is remembered. */
export async function proceed(authorize: Authorize, ctx: HttpContext, { proven, request }: Asked): Promise<void> {
  const to = answerTo(proven, request)
  const refusal = refusalOf(authorize, proven, request)
  if (refusal) return answerRefusal(ctx, authorize, to, refusal)
  const isSilent = request.prompt.includes('none')
  const session = await authorize.sessions.find(ctx, proven.beside)
  if (!session || !isLoginEnough(session.auth_time, request, session.now)) {
    if (isSilent) return needed(authorize, ctx, to, 'login_required')
    return showLogin(authorize, ctx, onwardOf(proven, request), { username: session?.username ?? undefined })
  }
  const asked = await askedOf(authorize, { client: proven.client, request, session })
  if (isRemembered(asked, proven.client, request)) return answerRemembered(authorize, ctx, { request, session, to })
  if (isSilent) return needed(authorize, ctx, to, 'consent_required')
  showConsent(authorize, ctx, { proven, request, session, asked })
}

/** Whether it could be granted at all: nobody logs in for a request that is refused after that. */
function refusalOf(
  authorize: Authorize,
  { client, view }: ProvenClient,
  { redirect_uri, ...request }: AuthorizationRequest,
) {
  const { scope, code_challenge, code_challenge_method } = request
  return authorizeGrant({
    ...{ client, scope, redirect_uri, code_challenge, code_challenge_method },
    grant_id: '',
    principal: { type: 'user', id: '' },
    pkce: authorize.pkce,
    code_lifetime: authorize.code_lifetime,
    kid: authorize.keys.current,
    registry_position: view.registry.next,
  }).refused
}

function needed(authorize: Authorize, ctx: HttpContext, to: AnswerTo, error: AnsweredError): void {
  answerError(ctx, authorize, to, { error, error_description: 'the user has to be asked, and prompt=none forbids it' })
}

type Remembered = { request: AuthorizationRequest; session: Session; to: AnswerTo }

async function answerRemembered(
  authorize: Authorize,
  ctx: HttpContext,
  { request, session, to }: Remembered,
): Promise<void> {
  const grant_id = uuidv7()
  const proven = await proveAgain(authorize, ctx, request, grant_id)
  const consenting = { grant_id, request, session, scope: request.scope, consent: 'remembered' } as const
  const { code, refused } = await issueCode(authorize, ctx, proven, consenting)
  if (code !== undefined) return answerCode(ctx, authorize, to, code)
  if (refused) return answerRefusal(ctx, authorize, to, refused)
  // Ended while it was made: whoever did that meant the user to be asked again.
  return request.prompt.includes('none')
    ? needed(authorize, ctx, to, 'login_required')
    : showLogin(authorize, ctx, onwardOf(proven, request))
}
