import { z } from 'zod'
import type { Operation, Operations } from '../../shared/http/openapi/operation.ts'
import type { Settings } from '../../shared/config/settings.ts'
import { pubOauthOperations } from '../../shared/http/openapi/pub-oauth.ts'
import { QUESTION } from './check.ts'

const FACTS = z.object({
  scope: z.string(),
  client_id: z.string(),
  sub: z.string(),
  principal_type: z.enum(['user', 'client']),
  username: z.string().optional(),
  token_type: z.literal('Bearer'),
  jti: z.string(),
  iat: z.int(),
  exp: z.int().optional().meta({ description: 'Absent: it does not expire.' }),
})

const DECISION = z.object({
  allowed: z.boolean(),
  active: z.boolean(),
  code: z.string().meta({ description: 'Why, in one stable word.' }),
  reason: z.string().meta({ description: 'Why, in a sentence.' }),
  ...FACTS.partial().shape,
  resource: z.string(),
  decided_at: z.iso.datetime(),
  grants_position: z.int().optional(),
  registry_position: z.int().optional(),
  grounds: z
    .object({
      scope: z.string().nullable(),
      needed_scope: z.array(z.string()),
      acl: z.string().nullable(),
      acl_of: z.string().nullable(),
      group: z.string().nullable(),
      needed_group: z.array(z.string()),
    })
    .optional()
    .meta({ description: 'What the decision rests on; where it refuses, what would have been needed.' }),
})

/** A form is read parameter by parameter; what is not known here is ignored (RFC 7662 §2.1). */
const INTROSPECTION = z.looseObject({
  token: z.string().min(1),
  token_type_hint: z.string().optional(),
  client_id: z.string().optional(),
  client_secret: z.string().optional(),
  client_assertion_type: z.string().optional(),
  client_assertion: z.string().optional(),
})

const CHECK: Operation = {
  id: 'check',
  tag: 'Checks',
  summary: 'May this bearer use this folder or service, now?',
  description: 'The caller is a resource server, and asks about its own folders only.',
  caller: 'client',
  body: { json: QUESTION, example: { token: 'tl_at_…', resource: 'orders.internal:approve' } },
  answers: { 200: { what: 'The decision, its reason and what it rests on.', schema: DECISION } },
  refusals: [403],
}

const INTROSPECT: Operation = {
  id: 'introspect',
  tag: 'Checks',
  summary: 'Is this token active, and what is it for?',
  description: 'RFC 7662. The caller is a resource server; a token that is not usable at it is answered as inactive.',
  caller: 'client',
  body: { form: INTROSPECTION },
  answers: {
    200: {
      what: 'The facts of an active token, or that it is not active.',
      schema: z.union([
        z.object({ active: z.literal(true), ...FACTS.shape, iss: z.string() }),
        z.object({ active: z.literal(false) }),
      ]),
    },
  },
  refusals: [403],
}

/** What the routes of the token-check API take and answer. */
export function tokenCheckOperations({ REQUIRE_POST }: Pick<Settings, 'REQUIRE_POST'>): Operations {
  const summary = 'Is this token active, under the name of webMethods Integration Server.'
  const named = { ...INTROSPECT, id: 'introspectToken', summary }
  return {
    'POST /check': CHECK,
    'POST /oauth2/introspect': INTROSPECT,
    ...pubOauthOperations('introspectToken', named, { requirePost: REQUIRE_POST }),
  }
}
