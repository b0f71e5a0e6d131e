import { z } from 'zod'
import {
  answerHash,
  answerOf,
  keepOutcome,
  type LoginOutcome,
} from '../../../shared/accounts/sessions/login-outcomes.ts'
import { isLoginEnough, TOLD_CLOCK_MS, toldLoginTime } from '../../../shared/accounts/sessions/login-time.ts'
import { BY_PROVIDER } from '../../../shared/accounts/sessions/sessions.ts'
import { requireRight } from '../../../shared/callers/require-right.ts'
import type { HttpContext, HttpMiddleware } from '../../../shared/http/context.ts'
import { readJson } from '../../../shared/http/input/json-body.ts'
import { OAuthError } from '../../../shared/http/oauth-error.ts'
import {
  LOGIN_GOES_ON,
  LOGIN_RETURNS,
  type LoginChallenge,
  packGoingOn,
  packVerifier,
  unpackChallenge,
} from '../../../shared/tokens/login-challenge.ts'
import type { Admin } from '../admin.ts'
import { GROUPS, NAME, TEXT } from '../names.ts'
import { acceptPerson } from './accept-person.ts'

/** The service of the ledger that a login application must be allowed to use. */
export const LOGIN_RIGHT = 'ledger.admin:login'

const NAMING = { username: TEXT.optional(), name: TEXT.nullable().optional(), email: TEXT.nullable().optional() }

/** Who logged in. What names the person is taken for a new user only. */
export const ACCEPT = z.strictObject({
  sub: NAME.meta({ description: 'The user, as this ledger knows it.' }),
  amr: z
    .array(TEXT.min(1).max(50).refine(isOfNoProvider, 'only an OpenID provider of the settings makes one of these'))
    .max(10)
    .default([])
    .meta({ description: 'How the person was proved (RFC 8176).' }),
  auth_time: z
    .int()
    .min(1)
    .max(2 ** 33)
    .optional()
    .meta({ description: 'When the person proved who it is (NumericDate). Left out, just now.' }),
  remember: z.boolean().default(true).meta({ description: '`false`: the browser forgets it when it is closed.' }),
  groups: GROUPS.optional().meta({ description: 'Those of LEDGER_LOGIN_GROUPS that the person is in, and no other.' }),
  ...NAMING,
})

function isOfNoProvider(amr: string): boolean {
  return !amr.startsWith(BY_PROVIDER)
}

/** Why nobody logged in: what the client is told (RFC 6749 §4.1.2.1). */
export const REJECT = z.strictObject({
  error: z.enum(['access_denied', 'login_required', 'temporarily_unavailable']).default('access_denied'),
  error_description: TEXT.max(200).default('nobody logged in'),
})

/**
 * GET /admin/login-requests/:challenge: what a login is asked for. 404 for what is none of ours, 410 once it is over.
 */
export function getLoginRequest(admin: Admin): HttpMiddleware {
  return async (ctx) => {
    await requireRight(admin, ctx, LOGIN_RIGHT)
    const asked = askedIn(admin, ctx)
    if (asked.expired || (await answerOf(admin.logins.knex, asked.challenge.id)))
      return isOver(admin, ctx, asked.challenge)
    const { client, scope, prompt, max_age, login_hint, requested_at, expires_at } = asked.challenge
    ctx.body = { client, scope, prompt, max_age, login_hint, requested_at, expires_at }
  }
}

/**
 * POST /admin/login-requests/:challenge/accept {sub, …}: where to send the browser, which is then logged in as this
 * user. The same again is answered alike. For a user who reaches `ledger.*` it needs the guard's right as well: whoever
 * says who somebody is can act as that user. OAuthError: 400, 401, 403, 404; 409, as `login_required` where the login
 * is older than the request allows; 410 tells where to begin again.
 */
export function acceptLogin(admin: Admin): HttpMiddleware {
  return answering(admin, async (ctx) => {
    const bearer = await requireRight(admin, ctx, LOGIN_RIGHT)
    const { amr, auth_time, remember, ...who } = await readJson(ctx, ACCEPT)
    const { sub, groups = null } = who
    return {
      said: ['accept', sub, amr, groups, auth_time ?? null, remember],
      outcome: async (challenge) => {
        requireRecentLogin(challenge, auth_time)
        const registry_position = await acceptPerson(admin, ctx, bearer, who)
        return { sub, amr, registry_position, remember, auth_time }
      },
    }
  })
}

/** POST /admin/login-requests/:challenge/reject {error?, error_description?}: the same, and the client is told so. */
export function rejectLogin(admin: Admin): HttpMiddleware {
  return answering(admin, async (ctx) => {
    await requireRight(admin, ctx, LOGIN_RIGHT)
    const rejected = await readJson(ctx, REJECT)
    return { said: ['reject', rejected.error, rejected.error_description], outcome: async () => ({ rejected }) }
  })
}

/** `said`: by what the same answer is known; `outcome`: does what it takes. */
type Answer = { said: unknown[]; outcome: (challenge: LoginChallenge) => Promise<LoginOutcome> }

function answering(admin: Admin, read: (ctx: HttpContext) => Promise<Answer>): HttpMiddleware {
  return async (ctx) => {
    const { said, outcome } = await read(ctx)
    const { challenge, expired } = askedIn(admin, ctx)
    if (expired) return isOver(admin, ctx, challenge)
    const ours = answerHash(said)
    const { id, browser, onward } = challenge
    const { knex, issuer } = admin.logins
    const before = await answerOf(knex, id)
    const answer = before ?? (await keepOutcome(knex, { id, browser, onward, outcome: await outcome(challenge) }, ours))
    if (!answer.equals(ours)) return isOver(admin, ctx, challenge)
    ctx.body = { redirect_to: `${issuer}${LOGIN_RETURNS}?login_verifier=${packVerifier(admin.keys, challenge)}` }
  }
}

/** OAuthError: 400 for a login of the future, 409 for one that is older than `prompt` and `max_age` allow. */
function requireRecentLogin({ prompt, max_age, requested_at }: LoginChallenge, auth_time: number | undefined): void {
  if (auth_time === undefined) return
  const [told, now, received_at] = [auth_time * 1000, Date.now(), requested_at * 1000]
  if (told > now + TOLD_CLOCK_MS)
    throw new OAuthError('invalid_request', 'auth_time is in the future: are the clocks of both machines right?')
  const made_at = toldLoginTime(told, { asked_at: received_at, received_at })
  if (!isLoginEnough(made_at, { prompt, max_age, received_at }, now))
    throw new OAuthError('login_required', 'this login is older than prompt and max_age allow: ask the person again')
}

function askedIn({ keys }: Admin, ctx: HttpContext) {
  const { challenge: text } = ctx.params as { challenge: string }
  const asked = unpackChallenge(keys, text, Math.floor(Date.now() / 1000))
  if (!asked) throw new OAuthError('not_found', 'this is no login challenge of this ledger')
  return asked
}

const BEGIN_WITHIN = 3600

/** 410: it was answered otherwise, or is too old. The browser begins again where the person has lost nothing. */
function isOver({ keys, logins }: Admin, ctx: HttpContext, { onward }: LoginChallenge): void {
  const again = packGoingOn(keys, onward, Math.floor(Date.now() / 1000) + BEGIN_WITHIN)
  ctx.state.error = 'gone'
  ctx.status = 410
  ctx.body = {
    error: 'gone',
    error_description: 'this login was answered already, or is too old: send the browser to redirect_to',
    redirect_to: `${logins.issuer}${LOGIN_GOES_ON}?onward=${again}`,
  }
}
