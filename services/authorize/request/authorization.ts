import type { HttpContext, HttpMiddleware } from '../../../shared/http/context.ts'
import { seeOther } from '../../../shared/pages/answer-page.ts'
import type { Authorize } from '../authorize.ts'
import { isTooLong, unpackOnward } from '../login/onward.ts'
import { answerError } from './answer-client.tsx'
import { readRequest } from './authorization-request.ts'
import { parametersText, readParameters, single } from './parameters.ts'
import { proceed } from './proceed.ts'
import { askingOf, onwardOf, proveAgain, proveClient } from './prove-client.ts'
import { startAgain } from './start-again.tsx'

/** Characters of the longest request, as it was sent. What is longer could not go on by each way of a login. */
const MOST_OF_A_QUERY = 5000

/**
 * GET and POST /oauth2/auth (RFC 6749 §4.1.1): a login where one is needed, then the consent, then the answer to the
 * client. Until the client and where it wants its answer are proven, whatever is wrong is told on a page of ours.
 */
export function authorization(authorize: Authorize): HttpMiddleware {
  return async (ctx) => {
    const text = await parametersText(ctx)
    if (isWithoutCookies(authorize, ctx) && text.length <= MOST_OF_A_QUERY)
      return seeOther(ctx, `${authorize.paths.authorization}?${text}`)
    const parameters = readParameters(text)
    const proven = await proveClient(authorize, ctx, askingOf(parameters))
    const { request, refused } = readRequest(parameters, proven.client.client_id, proven.view.now)
    const to = { ...proven, state: single(parameters, 'state'), unseen: single(parameters, 'prompt') === 'none' }
    if (refused) return answerError(ctx, authorize, to, refused)
    if (text.length > MOST_OF_A_QUERY || isTooLong(authorize, onwardOf(proven, request)))
      return answerError(ctx, authorize, to, TOO_LONG)
    await proceed(authorize, ctx, { proven, request })
  }
}

/** A form of another site comes without our cookies (SameSite=Lax); the GET that it goes on to brings them. */
function isWithoutCookies({ cookies }: Authorize, ctx: HttpContext): boolean {
  return ctx.method === 'POST' && cookies.read(ctx, 'session') === null
}

const TOO_LONG = {
  error: 'invalid_request',
  error_description: `the request is longer than ${MOST_OF_A_QUERY} characters`,
} as const

/** GET of what a login goes on to: the request as it was when it came in, so that the login was made for it. */
export function continuation(authorize: Authorize): HttpMiddleware {
  return async (ctx) => {
    const { onward: text } = ctx.query
    const unpacked = typeof text === 'string' ? unpackOnward(authorize, text) : null
    if (!unpacked) return startAgain(authorize, ctx)
    const { onward, expired } = unpacked
    if (onward.to === 'account') return seeOther(ctx, authorize.paths.account(onward.page))
    const proven = await proveAgain(authorize, ctx, onward.request)
    // What was left open for long begins again.
    const request = expired ? { ...onward.request, received_at: proven.view.now } : onward.request
    await proceed(authorize, ctx, { proven, request })
  }
}
