/** @jsxRuntime automatic @jsxImportSource preact */
import type { HttpContext } from '../../../shared/http/context.ts'
import { answerPage } from '../../../shared/pages/answer-page.ts'
import type { Authorize } from '../authorize.ts'
import { StartAgainPage } from '../pages/message.tsx'

/** Answers a form that is none of ours, or so old that nobody knows its key: there is nothing to go on with. */
export function startAgain({ site }: Pick<Authorize, 'site'>, ctx: HttpContext): void {
  ctx.state.error = 'invalid_request'
  ctx.state.reason = 'form_unknown'
  answerPage(ctx, <StartAgainPage site={site} />, 400)
}
