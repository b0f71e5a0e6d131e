import { z } from 'zod'
import type { Operation, Operations } from '../../shared/http/openapi/operation.ts'
import { AUDIT_RESOURCE, PATH } from './app.ts'
import { EXPORT_RESOURCE } from './export/route.ts'
import { PERSONAL, replayQuery } from './replay/replay-query.ts'

const count = z.int().min(0)
const text = z.string().nullable()
const PLACE = { topic: z.string(), partition: count }
const PRINCIPAL = z.object({ type: z.enum(['user', 'client']), id: z.string() })
const STOPPED = z.object({ offset: count, sha256: z.string() }).nullable()

const PERSON = z.object({ username: z.string(), name: text, email: text })
const PEOPLE = z
  .record(z.string(), z.union([PERSON, z.enum(['forgotten', 'unreadable'])]))
  .nullable()
  .meta({ description: 'Who is in it, by sub; null: people are left out.' })

const ENTRY = z.object({
  position: z.object({ ...PLACE, offset: count }),
  time: z.iso.datetime(),
  type: z.string(),
  subject: z.string(),
  grant_id: text,
  client_id: text,
  principal: PRINCIPAL.nullable(),
  verdict: z.enum(['valid', 'void', 'unreadable', 'skipped']),
  reason: text,
  actor: text,
  requestid: text,
  clientaddress: text,
  event: z.looseObject({ type: z.string() }).nullable().meta({ description: 'A CloudEvent.' }),
  people: PEOPLE,
  sha256: text,
})

const LIFE = z.object({
  grant_id: z.string(),
  client: z.object({ client_id: z.string(), client_name: text, client_version: text }),
  principal: PRINCIPAL,
  grant_type: z.string(),
  scope: z.string(),
  events: z.array(ENTRY),
  people: PEOPLE,
  personal: z.enum(['shown', 'not_asked', 'not_allowed', 'no_key']),
  now: z.object({
    at: z.iso.datetime(),
    status: z.string(),
    because: text,
    access_tokens: z.array(z.object({ generation: count, exp: z.int().nullable() })),
    refresh_token: z
      .object({ generation: count, until: z.int().nullable(), refreshes_left: count.nullable() })
      .nullable(),
  }),
})

const VERIFIED = z.object({
  equal: z.boolean(),
  difference: z
    .object({ table: z.string(), key: z.string(), column: text, log: z.unknown(), read_model: z.unknown() })
    .nullable(),
  partitions: z.array(
    z.object({ ...PLACE, next: count, records: count, voids: count, skipped: count, stopped: STOPPED }),
  ),
})

const PROJECTED = z.object({
  healthy: z.boolean(),
  unreadable: count.meta({ description: "People's names that cannot be read." }),
  partitions: z.array(
    z.object({
      ...PLACE,
      next: count.nullable(),
      end: count.nullable(),
      lag: count.nullable(),
      age_ms: z.number().nullable(),
      status: z.string(),
      voids: count,
      problem: text,
      stopped: STOPPED,
    }),
  ),
})

const KEYS = z.object({
  well: z.boolean(),
  problem: text,
  plain_user_records: count,
  keys: z.array(
    z.object({
      kid: z.int().min(1).max(255),
      configured: z.boolean().nullable(),
      current: z.boolean().nullable(),
      state: z.enum(['introduced', 'unproven', 'retired', 'new']),
      differs: z.array(z.string()),
      missing: z.boolean(),
      person_keys: count,
      passwords: count,
      grants: count,
      refresh_tokens: count,
      access_tokens: count,
      authorization_codes: count,
      capped: z.boolean(),
      client_secrets: count,
      clients: z.array(z.string()),
      last_token_made: text,
      last_token_ends: text,
      next: z.string(),
    }),
  ),
})

/** The answer may begin with spaces, and breaks off where the work fails. */
const LONG = 'It may take minutes; spaces before the JSON say that it is still coming.'

type Asked = Pick<Operation, 'id' | 'summary' | 'answers'> & Partial<Operation>

function audit(asked: Asked): Operation {
  const needs = `Needs the right \`${AUDIT_RESOURCE}\`.`
  const { description } = asked
  return {
    ...asked,
    tag: 'Audit',
    caller: 'bearer',
    description: description === undefined ? needs : `${description} ${needs}`,
  }
}

/** What the routes of the audit API take and answer. */
export const AUDIT_OPERATIONS: Operations = {
  'GET /audit/events': audit({
    id: 'replay',
    summary: 'Every record of the log with its verdict, in order.',
    description: 'The log is read from its beginning. An answer that is cut off is a connection that breaks.',
    query: replayQuery,
    answers: {
      200: { what: 'A record a line.', type: 'application/jsonl', schema: ENTRY, headers: ['Ledger-Personal'] },
    },
  }),
  'GET /audit/grants/:grant_id': audit({
    id: 'grantLife',
    summary: 'The life of one grant, and what is left of it.',
    description: LONG,
    path: PATH.shape,
    query: z.object({ personal: PERSONAL }),
    answers: { 200: { what: 'Its events with their verdicts.', schema: LIFE, headers: ['Ledger-Personal'] } },
    refusals: [404],
  }),
  'GET /audit/users/:sub/export': {
    id: 'exportPerson',
    tag: 'Audit',
    summary: 'All that is held about one person.',
    description: `${LONG} Needs the right \`${EXPORT_RESOURCE}\`.`,
    caller: 'bearer',
    answers: { 200: { what: 'All of it.', schema: z.looseObject({ sub: z.string() }) } },
    refusals: [404],
  },
  'GET /audit/verify': audit({
    id: 'verify',
    summary: 'Is the read model what the log says?',
    description: LONG,
    answers: { 200: { what: 'Whether they are equal, or the first difference.', schema: VERIFIED } },
  }),
  'GET /audit/projection': audit({
    id: 'projectionStatus',
    summary: 'How far each partition is projected.',
    answers: { 200: { what: 'Each partition.', schema: PROJECTED } },
  }),
  'GET /audit/keys': audit({
    id: 'keysStatus',
    summary: 'Which keys are configured, and what still needs them.',
    answers: { 200: { what: 'Each key.', schema: KEYS } },
  }),
}
