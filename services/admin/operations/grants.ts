import { z } from 'zod'
import type { Operations } from '../../../shared/http/openapi/operation.ts'
import { pubOauthOperations } from '../../../shared/http/openapi/pub-oauth.ts'
import { GRANT_STATUSES } from '../../../shared/read-model/lists/grant-status.ts'
import { TOKEN_RESPONSE } from '../../../shared/tokens/token-response.ts'
import { AUTHORIZATIONS, AUTHORIZE } from '../grants/authorize-grant.ts'
import { GRANTS } from '../grants/guard-grant.ts'
import { ISSUE } from '../grants/issue-grant.ts'
import { GRANTS_QUERY } from '../grants/list-grants.ts'
import { REVOKE } from '../grants/revoke-grant.ts'
import { INPUT, TOKENS } from '../tokens/remove-expired.ts'
import { right } from './right.ts'

const REVOKED = z.object({
  grant_id: z.string(),
  status: z.enum(['revoked', 'expired']),
  reason: z.string().nullable(),
})

const DATE = z.int().nullable()

const GRANT = z.object({
  grant_id: z.string(),
  client_id: z.string(),
  sub: z.string(),
  principal_type: z.enum(['user', 'client']),
  grant_type: z.string(),
  scope: z.string(),
  status: z.enum(GRANT_STATUSES),
  reason: z.string().nullable().meta({ description: 'Why it ended, or cannot be used now.' }),
  access_generation: z.int(),
  refresh_generation: z.int().meta({ description: '0: there is no refresh token.' }),
  iat: DATE.meta({ description: 'NumericDate of its latest access token.' }),
  exp: DATE.meta({ description: 'NumericDate at which that ends; null: with the next one.' }),
  refresh_exp: DATE.meta({ description: 'NumericDate at which an unused refresh token ends; null: never.' }),
  absolute_exp: DATE.meta({ description: 'NumericDate that no refresh passes; null: none.' }),
  refreshes_left: z.int().nullable().meta({ description: 'null: as many as are asked for.' }),
  at: z.iso.datetime().meta({ description: 'The time of its latest event.' }),
})

const AUTHORIZATION = z.object({
  code: z.string(),
  expires_in: z.int().min(0).meta({ description: 'Seconds until the code is dead.' }),
  redirect_uri: z.string().meta({ description: 'Where an authorization endpoint would send the code.' }),
  scope: z.string(),
  grant_id: z.string(),
})

const READ_AT = { registry_position: z.int().min(0), read_at: z.iso.datetime() }

const GRANT_PAGE = z.object({
  grants: z.array(GRANT),
  grants_positions: z.array(z.int().min(0)).meta({ description: 'Of the partitions 0, 1, 2 and so on.' }),
  ...READ_AT,
})

const ONE_GRANT = z.object({ ...GRANT.shape, grants_position: z.int().min(0), ...READ_AT })

/** What the routes of grants and tokens take and answer. */
export const GRANT_OPERATIONS: Operations = {
  'POST /admin/grants': {
    id: 'issueGrant',
    tag: 'Grants',
    summary: 'Give a client its first tokens for a user.',
    description: right(GRANTS),
    caller: 'bearer',
    reads: ['Idempotency-Key'],
    body: { json: ISSUE, example: { client_id: '0198c0de-…', sub: 'bob', scope: 'billing.read' } },
    answers: { 200: { what: 'The tokens.', schema: TOKEN_RESPONSE } },
    refusals: [409, 422],
  },
  'POST /admin/authorizations': {
    id: 'authorizeClient',
    tag: 'Grants',
    summary: 'Authorize a client for a user, who is not asked: the code to exchange.',
    description: right(AUTHORIZATIONS),
    caller: 'bearer',
    reads: ['Idempotency-Key'],
    body: {
      json: AUTHORIZE,
      example: {
        client_id: '0198c0de-…',
        sub: 'bob',
        redirect_uri: 'https://billing.example/callback',
        code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
        code_challenge_method: 'S256',
      },
    },
    answers: { 200: { what: 'The code.', schema: AUTHORIZATION } },
    refusals: [409, 422],
  },
  'GET /admin/grants': {
    id: 'listGrants',
    tag: 'Grants',
    summary: 'List grants, a page at a time.',
    description: right(GRANTS),
    caller: 'bearer',
    query: GRANTS_QUERY,
    answers: { 200: { what: 'A page, and where it was read at.', schema: GRANT_PAGE, headers: ['Link'] } },
  },
  'GET /admin/grants/:grant_id': {
    id: 'getGrant',
    tag: 'Grants',
    summary: 'Read a grant.',
    description: right(GRANTS),
    caller: 'bearer',
    answers: { 200: { what: 'As it is now.', schema: ONE_GRANT } },
    refusals: [404],
  },
  'POST /admin/grants/:grant_id/revoke': {
    id: 'revokeGrant',
    tag: 'Grants',
    summary: 'End all tokens of a grant.',
    description: right(GRANTS),
    caller: 'bearer',
    body: { json: REVOKE, example: { reason: 'device lost' } },
    answers: { 200: { what: 'It has ended; repeating it changes nothing.', schema: REVOKED } },
    refusals: [404, 409],
  },
  ...pubOauthOperations('removeExpiredAccessTokens', {
    id: 'removeExpiredAccessTokens',
    tag: 'Grants',
    summary: 'Remove bearer tokens from the read model that have been dead for an hour.',
    description: right(TOKENS),
    caller: 'bearer',
    // Of a form, what is not known is ignored.
    body: { json: INPUT, form: z.looseObject(INPUT.shape), optional: true, example: { maxRows: 1000 } },
    answers: {
      200: { what: 'How many were removed.', schema: z.object({ removedTokensCount: z.int().min(0) }) },
    },
  }),
}
