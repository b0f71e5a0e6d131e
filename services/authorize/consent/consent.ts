import { v7 as uuidv7 } from 'uuid'
import type { HttpContext, HttpMiddleware } from '../../../shared/http/context.ts'
import { type Form, readForm } from '../../../shared/http/input/form-body.ts'
import { seeOther } from '../../../shared/pages/answer-page.ts'
import { ticked } from '../../../shared/pages/ticked.ts'
import { unpack } from '../../../shared/tokens/form-mac.ts'
import type { Authorize, Session } from '../authorize.ts'
import { addressOf, isOfThisBrowser } from '../login/onward.ts'
import { showLogin } from '../login/show-login.tsx'
import { answerCode, answerError, answerRefusal, answerTo } from '../request/answer-client.tsx'
import { onwardOf, proveAgain, type ProvenClient } from '../request/prove-client.ts'
import { startAgain } from '../request/start-again.tsx'
import { allowedOf, askedOf } from './asked.ts'
import { issueCode } from './issue-code.ts'
import { type ConsentFor, showConsent } from './show-consent.tsx'

type Deciding = { session: Session; form: Form; consentFor: ConsentFor; proven: ProvenClient }

/**
 * POST /consent. It counts for the page that it was shown on, under the login that it was shown to. Anything else is no
 * forgery of the person's: the request goes on from where it stands, which may be the login, or the page once more.
 */
export function consent(authorize: Authorize): HttpMiddleware {
  return async (ctx) => {
    const form = await readForm(ctx)
    const unpacked = unpack(authorize.keys, 'consent', form['consent'] ?? '', Math.floor(Date.now() / 1000))
    if (!unpacked) return startAgain(authorize, ctx)
    const consentFor = unpacked.value as ConsentFor
    const { request, sid } = consentFor
    const proven = await proveAgain(authorize, ctx, request)
    const session = await authorize.sessions.find(ctx, proven.beside)
    if (!session) return showLogin(authorize, ctx, onwardOf(proven, request), { problem: 'login_again' })
    if (unpacked.expired || session.sid !== sid || !isOfThisBrowser(authorize, ctx, form))
      return seeOther(ctx, addressOf(authorize, onwardOf(proven, request)))
    await decided(authorize, ctx, { session, form, consentFor, proven })
  }
}

async function decided(authorize: Authorize, ctx: HttpContext, deciding: Deciding): Promise<void> {
  const { form, consentFor, proven } = deciding
  const { request } = consentFor
  switch (form['decision']) {
    case 'approve':
      return approve(authorize, ctx, deciding)
    case 'deny': {
      const error_description = 'the user did not allow it'
      return answerError(ctx, authorize, answerTo(proven, request), { error: 'access_denied', error_description })
    }
    case 'other-user': {
      const again = { ...request, prompt: [...request.prompt, 'login'] as const, received_at: proven.view.now }
      return seeOther(ctx, addressOf(authorize, onwardOf(proven, again)))
    }
    default:
      return seeOther(ctx, addressOf(authorize, onwardOf(proven, request)))
  }
}

async function approve(
  authorize: Authorize,
  ctx: HttpContext,
  { session, form, consentFor, proven }: Deciding,
): Promise<void> {
  const { request, consent_id } = consentFor
  const asked = await askedOf(authorize, { client: proven.client, request, session })
  const scope = allowedOf(asked, ticked(form, 'scope'))
  if (scope === '' && asked.scopes.length > 0)
    return showConsent(authorize, ctx, { proven, request, session, asked, nothingTicked: true })
  // Of two posts of one page the second finds the grant of the first, in whatever process, and gives its code.
  const grant_id = await authorize.grantOf(consent_id, uuidv7())
  const beside = await proveAgain(authorize, ctx, request, grant_id)
  const issued = await issueCode(authorize, ctx, beside, { grant_id, request, session, scope, consent: 'asked' })
  const to = answerTo(beside, request)
  if (issued.code !== undefined) return answerCode(ctx, authorize, to, issued.code)
  if (issued.refused) return answerRefusal(ctx, authorize, to, issued.refused)
  // Its code was used, or has ended: the user is asked once more.
  seeOther(ctx, addressOf(authorize, onwardOf(beside, request)))
}
