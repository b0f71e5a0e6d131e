import { z } from 'zod'
import type { Operation, Operations } from '../../../shared/http/openapi/operation.ts'
import type { Kind, PutKind } from '../kinds/kind.ts'
import { KINDS } from '../kinds/kinds.ts'
import { USERS } from '../kinds/users.ts'
import { listShape } from '../lists/list-entities.ts'
import { NAME } from '../names.ts'
import { PASSWORD } from '../people/password.ts'
import { FORGOTTEN_QUERY } from '../people/list-forgotten.ts'
import { FORGET } from '../registry/forget.ts'
import { REVOKE_ALL } from '../registry/revoke-all.ts'
import { deletedBy, pageOf, registryPageOf, REVOKED_ALL, SHOWN } from './answers.ts'
import { membersOf, patchOf } from './bodies.ts'
import { right } from './right.ts'

type Told = { tag: string; one: string; put: unknown; patch: unknown }

const TOLD: Record<PutKind, Told> = {
  scope: { tag: 'Scopes', one: 'Scope', put: { includes: ['orders'] }, patch: { description: 'Read orders.' } },
  group: { tag: 'Groups', one: 'Group', put: { description: 'Accounting' }, patch: { description: 'Accounting' } },
  acl: { tag: 'ACLs', one: 'Acl', put: { allowed_groups: ['Everybody'] }, patch: { denied_groups: [] } },
  resource: { tag: 'Resources', one: 'Resource', put: { execute_acl: 'Default' }, patch: { execute_acl: null } },
  user: { tag: 'Users', one: 'User', put: { username: 'bob', groups: [] }, patch: { enabled: false } },
}

function kindOperations(kind: Kind): Operations {
  const { kind: name, path, id, form } = kind
  const { tag, one, put, patch } = TOLD[name]
  const every = { tag, description: right(kind.right), caller: 'bearer' } as const
  const of = { ...every, path: { [id]: form } }
  const shown = { schema: SHOWN[name], headers: ['ETag'] } as const
  return {
    [`GET /admin/${path}`]: { ...every, id: `list${one}s`, ...listOf(kind) },
    [`DELETE /admin/${path}/:${id}`]: { ...of, id: `delete${one}`, ...deletionOf(kind) },
    [`PUT /admin/${path}/:${id}`]: {
      ...of,
      id: `put${one}`,
      summary: `Create or change one of the ${path}; the body is the whole of it.`,
      reads: ['If-None-Match', 'If-Match'],
      body: { json: kind.body(''), example: put },
      answers: { 200: { what: 'It is changed.', ...shown }, 201: { what: 'It is created.', ...shown } },
      refusals: [409, 412, 428],
    },
    [`PATCH /admin/${path}/:${id}`]: {
      ...of,
      id: `patch${one}`,
      summary: `Change members of one of the ${path}; what is not named stays.`,
      reads: ['If-Match'],
      body: { patch: patchOf(membersOf(kind)), example: patch },
      answers: { 200: { what: 'It is changed.', ...shown } },
      refusals: [404, 409, 412, 428],
    },
    [`GET /admin/${path}/:${id}`]: {
      ...of,
      id: `get${one}`,
      summary: `Read one of the ${path}.`,
      answers: { 200: { what: 'As it is now.', ...shown } },
      refusals: [404],
    },
  }
}

function deletionOf({ path, id }: Kind): Pick<Operation, 'summary' | 'reads' | 'answers' | 'refusals'> {
  return {
    summary: `Delete one of the ${path} that nothing names any more.`,
    reads: ['If-Match'],
    answers: { 200: deletedBy(id) },
    refusals: [404, 409, 412, 428],
  }
}

function listOf({ kind, path, filters }: Kind): Pick<Operation, 'summary' | 'query' | 'answers'> {
  return { summary: `List ${path}, a page at a time.`, query: listShape(filters), answers: { 200: pageOf(kind) } }
}

const USER = { tag: 'Users', description: right(USERS.right), caller: 'bearer' } as const

const CREATED = z.strictObject({ ...membersOf(USERS), sub: NAME.optional() })

const SET = z.object({ sub: z.string(), password: z.boolean(), revision: z.int() })

const LINK = z.object({
  sub: z.string(),
  expires_in: z.int().meta({ description: 'Seconds.' }),
  link: z.string().optional().meta({ description: 'Absent where it was sent. Who has it can set the password.' }),
})

const FORGOTTEN = z.object({ sub: z.string(), forgotten: z.literal(true) })

/** What the routes of the registry take and answer, but for clients. */
export const REGISTRY_OPERATIONS: Operations = {
  ...Object.fromEntries(KINDS.flatMap((kind) => Object.entries(kindOperations(kind)))),
  'POST /admin/users': {
    ...USER,
    id: 'createUser',
    summary: 'Create a user, whose sub is generated where none is named.',
    reads: ['Idempotency-Key'],
    body: { json: CREATED, example: { username: 'bob' } },
    answers: { 201: { what: 'The user is created.', schema: SHOWN.user, headers: ['ETag', 'Location'] } },
    refusals: [409, 412, 422],
  },
  'GET /admin/forgotten-users': {
    ...USER,
    id: 'listForgottenUsers',
    summary: 'List each sub that was forgotten, a page at a time.',
    query: FORGOTTEN_QUERY,
    answers: { 200: registryPageOf('forgotten', z.string()) },
  },
  'PUT /admin/users/:sub/password': {
    ...USER,
    id: 'putPassword',
    summary: 'Set the password of a user, which ends all grants of before.',
    path: { sub: NAME },
    body: { json: PASSWORD, example: { password: 'correct horse battery staple' } },
    answers: { 200: { what: 'It is the password now, and no other.', schema: SET, headers: ['ETag'] } },
    refusals: [404, 409],
  },
  'DELETE /admin/users/:sub/password': {
    ...USER,
    id: 'removePassword',
    summary: 'Remove the password of a user, which ends all grants of before.',
    path: { sub: NAME },
    answers: { 200: { what: 'There is none.', schema: SET, headers: ['ETag'] } },
    refusals: [404, 409],
  },
  'POST /admin/users/:sub/password-link': {
    ...USER,
    id: 'makePasswordLink',
    summary: 'Make a one-time link by which a user sets a password, or have it sent.',
    path: { sub: NAME },
    answers: { 200: { what: 'The link, or that it was sent to LEDGER_NOTIFY_URL.', schema: LINK } },
    refusals: [404],
  },
  'POST /admin/users/:sub/revoke-all': {
    ...USER,
    id: 'revokeAllOfUser',
    summary: 'End all grants of a user up to now, those in flight too.',
    path: { sub: NAME },
    body: { json: REVOKE_ALL, example: { reason: 'left the company' } },
    answers: { 200: { what: 'They have ended.', schema: REVOKED_ALL, headers: ['ETag'] } },
    refusals: [404, 409, 412],
  },
  'POST /admin/users/:sub/forget': {
    ...USER,
    id: 'forgetUser',
    summary: 'Forget a person for ever: the grants end, and what names the person is gone.',
    path: { sub: NAME },
    body: { json: FORGET, example: { reason: 'asked for it' } },
    answers: { 200: { what: 'The person is forgotten.', schema: FORGOTTEN } },
    refusals: [404, 409, 412],
  },
}
