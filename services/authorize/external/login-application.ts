import { randomUUID } from 'node:crypto'
import { takeOutcome } from '../../../shared/accounts/sessions/login-outcomes.ts'
import type { HttpContext, HttpMiddleware } from '../../../shared/http/context.ts'
import { seeOther } from '../../../shared/pages/answer-page.ts'
import { browserHash, packChallenge, unpackVerifier } from '../../../shared/tokens/login-challenge.ts'
import type { Authorize } from '../authorize.ts'
import { addressOf, browserOf, FORM_LIFETIME, type Onward } from '../login/onward.ts'
import { authTimeOf } from '../login/told-login.ts'
import { answerError, answerTo } from '../request/answer-client.tsx'
import type { AnsweredError } from '../request/authorization-request.ts'
import { proveAgain } from '../request/prove-client.ts'
import { startAgain } from '../request/start-again.tsx'

/** Sends the browser to the login application, with what it has to know to ask who this is. */
export function sendToLogin(authorize: Authorize, ctx: HttpContext, onward: Onward, login_url: string): void {
  const now = Math.floor(Date.now() / 1000)
  const request = onward.to === 'client' ? onward.request : null
  const client =
    onward.to === 'client' ? { client_id: onward.request.client_id, client_name: onward.client_name } : null
  const challenge = packChallenge(authorize.keys, {
    id: randomUUID(),
    browser: browserHash(browserOf(authorize, ctx)),
    client,
    scope: request?.scope ?? null,
    prompt: request?.prompt ?? [],
    max_age: request?.max_age ?? null,
    login_hint: request?.login_hint ?? null,
    requested_at: request ? Math.floor(request.received_at / 1000) : now,
    expires_at: now + FORM_LIFETIME,
    onward,
  })
  seeOther(ctx, `${login_url}${login_url.includes('?') ? '&' : '?'}login_challenge=${challenge}`)
}

/**
 * GET /login/return: the browser is back from the login application. The answer counts once, and for the browser that
 * began only: in another one, or a second time, the login goes on or begins again.
 */
export function loginReturned(authorize: Authorize): HttpMiddleware {
  return async (ctx) => {
    const { login_verifier: text } = ctx.query
    const id = typeof text === 'string' ? unpackVerifier(authorize.keys, text) : null
    const browser = authorize.cookies.read(ctx, 'browser')
    // Without the cookie it would begin again and again: a browser that keeps none is told.
    const taken = id && browser && (await takeOutcome(authorize.passwords.knex, id, browserHash(browser)))
    if (!taken) return startAgain(authorize, ctx)
    const onward = taken.onward as Onward
    const { outcome } = taken
    if (outcome?.rejected) return answerRejected(authorize, ctx, onward, outcome.rejected)
    if (outcome) {
      const { auth_time, ...session } = outcome
      const told = { told: auth_time === undefined ? null : auth_time * 1000, asked_at: askedAt(onward) }
      await authorize.sessions.open(ctx, { ...session, auth_time: authTimeOf(onward, told) })
    }
    seeOther(ctx, addressOf(authorize, onward))
  }
}

const askedAt = (onward: Onward) => (onward.to === 'client' ? onward.request.received_at : 0)

type Rejected = { error: string; error_description: string }

async function answerRejected(
  authorize: Authorize,
  ctx: HttpContext,
  onward: Onward,
  { error, error_description }: Rejected,
): Promise<void> {
  if (onward.to === 'account') return startAgain(authorize, ctx)
  const proven = await proveAgain(authorize, ctx, onward.request)
  const answered = { error: error as AnsweredError, error_description }
  answerError(ctx, authorize, answerTo(proven, onward.request), answered)
}
