/** @jsxRuntime automatic @jsxImportSource preact */
import { randomUUID } from 'node:crypto'
import type { HttpContext } from '../../../shared/http/context.ts'
import { answerPage } from '../../../shared/pages/answer-page.ts'
import { csrfValue, pack } from '../../../shared/tokens/form-mac.ts'
import type { Authorize, Session } from '../authorize.ts'
import { browserOf, FORM_LIFETIME } from '../login/onward.ts'
import { ConsentPage } from '../pages/consent.tsx'
import type { AuthorizationRequest } from '../request/authorization-request.ts'
import type { ProvenClient } from '../request/prove-client.ts'
import type { AskedScopes } from './asked.ts'

/** What an approval is for: this page, this request and this login, and nothing else. */
export type ConsentFor = { consent_id: string; request: AuthorizationRequest; sid: string }

export type Showing = {
  proven: Pick<ProvenClient, 'client'>
  request: AuthorizationRequest
  session: Session
  asked: AskedScopes
  /** It was sent with nothing ticked. */
  nothingTicked?: boolean
}

/** Answers the page that asks the user. */
export function showConsent(authorize: Authorize, ctx: HttpContext, showing: Showing): void {
  const { proven, request, session, asked, nothingTicked = false } = showing
  const { keys, site, paths } = authorize
  const consentFor: ConsentFor = { consent_id: randomUUID(), request, sid: session.sid }
  const exp = Math.floor(Date.now() / 1000) + FORM_LIFETIME
  const hidden = {
    consent: pack(keys, 'consent', consentFor, { exp }),
    csrf: csrfValue(keys, browserOf(authorize, ctx)),
  }
  const shown = { site, hidden, nothingTicked, client: proven.client.client_name, scopes: asked.scopes }
  const user = session.username ?? session.sub
  answerPage(ctx, <ConsentPage {...shown} action={paths.consent} user={user} />, nothingTicked ? 400 : 200)
}
