import { z } from 'zod'
import type { Operations } from '../../../shared/http/openapi/operation.ts'
import { KEYS, KID, RETIREMENT, REVOKE_KEY } from '../keys/keys.ts'
import { REWRAP } from '../keys/rewrap-keys.ts'
import { right } from './right.ts'

const count = z.int().min(0)

const KEY_IN_USE = z.object({
  kid: z.int().min(1).max(255),
  known: z.boolean(),
  person_keys: count.meta({ description: 'Keys of persons that are wrapped under it.' }),
  passwords: count.meta({ description: 'Passwords of users that are stored under it.' }),
  grants: count,
  refresh_tokens: count,
  access_tokens: count,
  authorization_codes: count,
  capped: z.boolean().meta({ description: 'Not all were counted: each count is that or more.' }),
  clients: z.array(z.string()).meta({ description: 'Clients whose secret needs it.' }),
})

const ONE_KEY = { tag: 'Keys', caller: 'bearer', path: { kid: KID } } as const

/** What the routes of keys take and answer. */
export const KEY_OPERATIONS: Operations = {
  'POST /admin/keys/rewrap': {
    id: 'rewrapKeys',
    tag: 'Keys',
    summary: 'Wrap one page of the keys of persons under the current key.',
    description: `${right(KEYS)} This one always needs the guard's right.`,
    caller: 'bearer',
    body: { json: REWRAP, example: { after: null } },
    answers: {
      200: {
        what: 'The page is wrapped; `next` is the `after` of the next one.',
        schema: z.object({
          kid: z.int(),
          done: count,
          left: count,
          total: count.nullable(),
          next: z.string().nullable(),
        }),
      },
    },
    refusals: [409],
  },
  'GET /admin/keys/:kid': {
    ...ONE_KEY,
    id: 'getKey',
    summary: 'What would end with a key.',
    description: right(KEYS),
    answers: { 200: { what: 'What needs it.', schema: KEY_IN_USE } },
  },
  'POST /admin/keys/:kid/revoke': {
    ...ONE_KEY,
    id: 'revokeKey',
    summary: 'End one page of the grants of a key.',
    description: `${right(KEYS)} This one always needs the guard's right.`,
    body: { json: REVOKE_KEY, example: { after: null } },
    answers: {
      200: {
        what: 'How many have ended; `next` is the `after` of the next page.',
        schema: z.object({ revoked: count, next: z.string().nullable() }),
      },
    },
    refusals: [404, 409],
  },
  'POST /admin/keys/:kid/retire': {
    ...ONE_KEY,
    id: 'retireKey',
    summary: 'Say that nothing needs a key any more.',
    description: `${right(KEYS)} This one always needs the guard's right.`,
    body: { json: RETIREMENT, example: {} },
    answers: { 200: { what: 'It is retired.', schema: KEY_IN_USE } },
    refusals: [404, 409],
  },
}
