import { z } from 'zod'
import type { Operation, Operations } from '../../shared/http/openapi/operation.ts'
import { pubOauthOperations } from '../../shared/http/openapi/pub-oauth.ts'
import { LOGIN_RETURNS } from '../../shared/tokens/login-challenge.ts'
import { ACCOUNT_OPERATIONS } from './account/operations.ts'
import { page, PAGES } from './answers.ts'
import { AUTHORIZATION, CONSENT, GO_ON, LOGIN, UPSTREAM_CALLBACK } from './paths.ts'

// Unknown parameters are ignored (RFC 6749 §3.1).
const REQUEST = z.looseObject({
  response_type: z.string().optional().meta({ description: '`code`, and nothing else.' }),
  client_id: z.string().optional(),
  redirect_uri: z.string().optional().meta({ description: 'A must where more than one is registered.' }),
  scope: z.string().optional().meta({ description: 'Without it, all that the client may have.' }),
  state: z.string().optional().meta({ description: 'Comes back as it was sent.' }),
  code_challenge: z.string().optional().meta({ description: 'RFC 7636; a must for public clients.' }),
  code_challenge_method: z.string().optional().meta({ description: '`S256`.' }),
  response_mode: z.string().optional().meta({ description: '`query`.' }),
  prompt: z.string().optional().meta({ description: '`none`, `login`, `consent`, `select_account`.' }),
  max_age: z.string().optional().meta({ description: 'Seconds since the login at the most.' }),
  nonce: z.string().optional(),
  login_hint: z.string().optional().meta({ description: 'For a login application.' }),
})

const LOGIN_FORM = z.looseObject({
  onward: z.string().optional().meta({ description: 'What the form was made with.' }),
  csrf: z.string().optional().meta({ description: 'What the form was made with.' }),
  username: z.string().optional(),
  password: z.string().optional(),
  provider: z.string().optional().meta({ description: 'The server to log in with instead.' }),
})

const CONSENT_FORM = z.looseObject({
  consent: z.string().optional().meta({ description: 'What the form was made with.' }),
  csrf: z.string().optional().meta({ description: 'What the form was made with.' }),
  decision: z.string().optional().meta({ description: '`approve`, `deny` or `other-user`.' }),
})

const ASK = {
  tag: 'Login',
  summary: 'Ask a person for access: login, consent, then a code for the application.',
  description:
    'RFC 6749 §4.1.1. What is wrong with the client or its redirect_uri is told on a page; every other error goes to the application, with state and iss (RFC 9207).',
  caller: 'anybody',
  answers: PAGES,
} as const satisfies Omit<Operation, 'id'>

const BY_NAME: Operation = {
  ...ASK,
  id: 'authorize',
  summary: 'Ask a person for access, under the name of webMethods Integration Server.',
  body: { form: REQUEST },
}

/** What the routes of login and consent take and answer. */
export const AUTHORIZE_OPERATIONS: Operations = {
  ...ACCOUNT_OPERATIONS,
  [`GET ${AUTHORIZATION}`]: { ...ASK, id: 'authorization', query: REQUEST },
  [`POST ${AUTHORIZATION}`]: { ...ASK, id: 'authorizationByPost', body: { form: REQUEST } },
  ...pubOauthOperations('authorize', BY_NAME, { requirePost: false }),
  [`GET ${LOGIN}`]: {
    id: 'loginPage',
    tag: 'Login',
    summary: 'The page on which a person logs in.',
    caller: 'anybody',
    answers: PAGES,
  },
  [`POST ${LOGIN}`]: {
    id: 'login',
    tag: 'Login',
    summary: 'The form of a login.',
    description: 'It counts for the browser that was shown the form, and goes on to what that was shown for.',
    caller: 'anybody',
    body: { form: LOGIN_FORM },
    answers: { ...PAGES, 429: { ...page('Too many wrong passwords for this name.'), headers: ['Retry-After'] } },
  },
  [`GET ${GO_ON}`]: {
    id: 'loginGoesOn',
    tag: 'Login',
    summary: 'Go on with a request after a login.',
    caller: 'anybody',
    query: z.object({ onward: z.string().optional() }),
    answers: PAGES,
  },
  [`GET ${LOGIN_RETURNS}`]: {
    id: 'loginReturned',
    tag: 'Login',
    summary: 'Go on after a login application has said who somebody is.',
    description: 'It counts once, and for the browser that was sent there.',
    caller: 'anybody',
    query: z.object({ login_verifier: z.string().optional() }),
    answers: PAGES,
  },
  [`GET ${UPSTREAM_CALLBACK}`]: {
    id: 'loginWithCallback',
    tag: 'Login',
    summary: 'Go on after a login with another server.',
    description: 'It counts once, and in the browser that was sent there.',
    caller: 'anybody',
    path: { provider: z.string() },
    query: z.looseObject({
      code: z.string().optional(),
      state: z.string().optional(),
      iss: z.string().optional(),
      error: z.string().optional(),
    }),
    answers: { ...PAGES, 404: page('There is no such server.') },
  },
  [`POST ${CONSENT}`]: {
    id: 'consent',
    tag: 'Login',
    summary: 'The form of a consent.',
    description: 'It counts for the request and the login that it was shown for. Sent twice, it is answered alike.',
    caller: 'anybody',
    body: { form: CONSENT_FORM },
    answers: PAGES,
  },
}
