import { z } from 'zod'
import type { Answer, Operations } from '../../../shared/http/openapi/operation.ts'
import { ACCEPT, LOGIN_RIGHT, REJECT } from '../login/login-requests.ts'
import { right } from './right.ts'

const REQUEST = z.object({
  client: z
    .object({ client_id: z.string(), client_name: z.string() })
    .nullable()
    .meta({ description: 'Who asks; null: the person came to the pages of the own account.' }),
  scope: z.string().nullable(),
  prompt: z.array(z.string()),
  max_age: z.int().nullable(),
  login_hint: z.string().nullable(),
  requested_at: z.int(),
  expires_at: z.int(),
})

const GO_ON: Answer = {
  what: 'Where to send the browser.',
  schema: z.object({ redirect_to: z.string() }),
}

const OVER: Answer = {
  what: 'It was answered already, or is too old: send the browser to redirect_to, where it begins again.',
  schema: z.object({ error: z.literal('gone'), error_description: z.string(), redirect_to: z.string() }),
}

const REFUSED: Answer = {
  what: 'Nobody can be logged in as this user, or the login is older than the request allows (login_required).',
  schema: z.object({ error: z.enum(['conflict', 'login_required']), error_description: z.string() }),
}

const OF_LOGIN = {
  tag: 'Login requests',
  description: right(LOGIN_RIGHT),
  caller: 'bearer',
  path: { challenge: z.string() },
} as const

/** What the routes of a login application take and answer. */
export const LOGIN_OPERATIONS: Operations = {
  'GET /admin/login-requests/:challenge': {
    ...OF_LOGIN,
    id: 'getLoginRequest',
    summary: 'Read what a login is asked for.',
    answers: { 200: { what: 'Who asks, and for what.', schema: REQUEST }, 410: OVER },
    refusals: [404],
  },
  'POST /admin/login-requests/:challenge/accept': {
    ...OF_LOGIN,
    id: 'acceptLogin',
    summary: 'Say who has logged in; the same may be said again.',
    body: { json: ACCEPT, example: { sub: '4f2c', amr: ['pwd', 'otp'] } },
    answers: { 200: GO_ON, 409: REFUSED, 410: OVER },
    refusals: [404, 412],
  },
  'POST /admin/login-requests/:challenge/reject': {
    ...OF_LOGIN,
    id: 'rejectLogin',
    summary: 'Say that nobody has logged in, which the application is told.',
    body: { json: REJECT, example: { error: 'access_denied' } },
    answers: { 200: GO_ON, 410: OVER },
    refusals: [404],
  },
}
