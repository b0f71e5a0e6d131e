import { z } from 'zod'
import type { Operations } from '../../../shared/http/openapi/operation.ts'
import { USERS } from '../kinds/users.ts'
import { NAME } from '../names.ts'
import { LINK, UNLINK } from '../people/external.ts'
import { right } from './right.ts'

const SHOWN = z.object({ sub: z.string(), external: z.array(z.object({ issuer: z.string() })), revision: z.int() })
const ANSWERED = { schema: SHOWN, headers: ['ETag'] } as const
const OF_USER = { tag: 'Users', description: right(USERS.right), caller: 'bearer', path: { sub: NAME } } as const
const ISSUER = 'https://id.example'

/** What the routes of accounts elsewhere take and answer. */
export const EXTERNAL_OPERATIONS: Operations = {
  'GET /admin/users/:sub/external': {
    ...OF_USER,
    id: 'listExternalAccounts',
    summary: 'At which issuers a user has an account to sign in with.',
    answers: { 200: { what: 'Each account, by its issuer.', ...ANSWERED } },
    refusals: [404],
  },
  'POST /admin/users/:sub/external/link': {
    ...OF_USER,
    id: 'linkExternalAccount',
    summary: 'Let a user sign in with an account elsewhere, which no other user has.',
    body: { json: LINK, example: { issuer: ISSUER, sub: '248289761001' } },
    answers: { 200: { what: 'The user has it.', ...ANSWERED } },
    refusals: [404, 409, 412],
  },
  'POST /admin/users/:sub/external/unlink': {
    ...OF_USER,
    id: 'unlinkExternalAccount',
    summary: 'Take an account elsewhere from a user; without sub all of this issuer.',
    body: { json: UNLINK, example: { issuer: ISSUER } },
    answers: { 200: { what: 'The user has it no more.', ...ANSWERED } },
    refusals: [404, 409, 412],
  },
}
