/** @jsxRuntime automatic @jsxImportSource preact */
import type { HttpContext } from '../../../shared/http/context.ts'
import { describe } from '../../../shared/http/oauth-error.ts'
import type { Refusal, RefusalError } from '../../../shared/ledger/grant/commands/refusal.ts'
import { answerPage, seeOther } from '../../../shared/pages/answer-page.ts'
import type { Authorize } from '../authorize.ts'
import { GoOnPage } from '../pages/message.tsx'
import type { AuthorizationRequest, Answered } from './authorization-request.ts'
import type { ProvenClient } from './prove-client.ts'

/** Where an answer goes. `unseen`: nobody looks, so that no page may come (`prompt=none`). */
export type AnswerTo = Pick<ProvenClient, 'client' | 'redirect_uri'> & { state: string | null; unseen?: boolean }

export function answerTo(proven: ProvenClient, { state, prompt }: AuthorizationRequest): AnswerTo {
  return { ...proven, state, unseen: prompt.includes('none') }
}

/** Sends the browser to the client with a code (RFC 6749 §4.1.2). */
export function answerCode(ctx: HttpContext, authorize: Authorize, to: AnswerTo, code: string): void {
  answer(ctx, authorize, to, { code })
}

/** Sends the browser to the client with an error (RFC 6749 §4.1.2.1). */
export function answerError(
  ctx: HttpContext,
  authorize: Authorize,
  to: AnswerTo,
  { error, error_description }: Answered | { error: RefusalError; error_description: string },
): void {
  ctx.state.error = error
  answer(ctx, authorize, to, { error, error_description: describe(error_description) })
}

/** The same, where what was decided refused it. */
export function answerRefusal(ctx: HttpContext, authorize: Authorize, to: AnswerTo, refused: Refusal): void {
  answerError(ctx, authorize, to, { error: refused.error, error_description: refused.description })
}

function answer(ctx: HttpContext, authorize: Authorize, to: AnswerTo, parameters: Record<string, string>): void {
  // RFC 9207 §2: whose answer this is, on every one.
  const { redirect_uri, state, client, unseen = false } = to
  const href = withParameters(redirect_uri, { ...parameters, ...(state !== null && { state }), iss: authorize.issuer })
  // Some browsers open an app only after a tap of the person, and a redirect is none.
  if (/^https?:/i.test(redirect_uri) || unseen) seeOther(ctx, href)
  else answerPage(ctx, <GoOnPage site={authorize.site} client={client.client_name} href={href} />)
}

/** A registered query stays as it is (RFC 6749 §3.1.2). A blank is %20, which everybody reads as one. */
function withParameters(uri: string, parameters: Record<string, string>): string {
  const added = Object.entries(parameters).map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
  const joint = !uri.includes('?') ? '?' : /[?&]$/.test(uri) ? '' : '&'
  return `${uri}${joint}${added.join('&')}`
}
