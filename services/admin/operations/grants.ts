import { z } from 'zod'
import type { Operations } from '../../../shared/http/openapi/operation.ts'
import { pubOauthOperations } from '../../../shared/http/openapi/pub-oauth.ts'
import { TOKEN_RESPONSE } from '../../../shared/tokens/token-response.ts'
import { GRANTS } from '../grants/guard-grant.ts'
import { ISSUE } from '../grants/issue-grant.ts'
import { REVOKE } from '../grants/revoke-grant.ts'
import { INPUT, TOKENS } from '../tokens/remove-expired.ts'
import { right } from './right.ts'

const REVOKED = z.object({
  grant_id: z.string(),
  status: z.enum(['revoked', 'expired']),
  reason: z.string().nullable(),
})

/** What the routes of grants and tokens take and answer. */
export const GRANT_OPERATIONS: Operations = {
  'POST /admin/grants': {
    id: 'issueGrant',
    tag: 'Grants',
    summary: 'Give a client its first tokens for a user.',
    description: right(GRANTS),
    caller: 'bearer',
    body: { json: ISSUE, example: { client_id: '0198c0de-…', sub: 'bob', scope: 'billing.read' } },
    answers: { 200: { what: 'The tokens.', schema: TOKEN_RESPONSE } },
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
