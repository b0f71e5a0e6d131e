import { z } from 'zod'
import type { Revised } from '../../../shared/ledger/events.ts'
import { type NamedKind, REGISTRY_KINDS } from '../../../shared/ledger/registry/kinds.ts'
import type { RegistryView } from '../../../shared/ledger/registry/state.ts'
import type { RegistryQuestion } from '../../../shared/read-model/reads/registry.ts'
import { distinct, groupProblems, GROUPS, NAME, RESOURCE_NAME, TEXT, USERNAME } from '../names.ts'
import type { RevisedFact } from './write.ts'

/** What a PUT asks for, once its body is read. */
export type Wanted = {
  question: Partial<RegistryQuestion>
  /** The user name that it gives. */
  username?: string
  fact: (revised: Revised) => RevisedFact
  problems: (view: RegistryView) => string[]
}

/** The kinds that PUT writes: a client is registered by POST, a key introduced by whoever has it. */
type PutKind = Exclude<NamedKind, 'client' | 'key'>

/** One kind of entity that PUT writes and GET reads. */
export type Kind = {
  kind: PutKind
  /** Under /admin/. */
  path: string
  /** The service of the ledger that a bearer must be allowed to use. */
  right: string
  /** The parameter of the path, which the body may repeat. */
  id: 'name' | 'sub'
  form: z.ZodType<string>
  /** What a GET must read. */
  question: (id: string) => Partial<RegistryQuestion>
  /** The shape of the body, as what it asks for. Unknown members are refused. */
  body: (id: string) => z.ZodType<Wanted>
}

function named(kind: PutKind): Pick<Kind, 'kind' | 'path' | 'right' | 'id'> {
  const { plural, id } = REGISTRY_KINDS[kind]
  return { kind, path: plural, right: `ledger.admin:${plural}`, id }
}

/** The name may be repeated in the body, as GET shows it, but it is the path's. */
const repeated = (id: string) => z.literal(id, { error: 'must be the name in the path' }).optional()

const nothing = () => []

const SCOPES: Kind = {
  ...named('scope'),
  form: NAME,
  question: () => ({}),
  body: (name) =>
    z
      .strictObject({
        name: repeated(name),
        description: TEXT.default(''),
        includes: z.array(RESOURCE_NAME).max(1000).transform(distinct).default([]),
      })
      .transform(({ description, includes }) => ({
        question: {},
        fact: (revised) => ({ type: 'ScopePut', data: { ...revised, scope: { name, description, includes } } }),
        problems: nothing,
      })),
}

const GROUP_KIND: Kind = {
  ...named('group'),
  form: NAME,
  question: () => ({}),
  body: (name) =>
    z.strictObject({ name: repeated(name), description: TEXT.default('') }).transform(({ description }) => ({
      question: {},
      fact: (revised) => ({ type: 'GroupPut', data: { ...revised, group: { name, description } } }),
      problems: nothing,
    })),
}

const ACLS: Kind = {
  ...named('acl'),
  form: NAME,
  question: () => ({}),
  body: (name) =>
    z
      .strictObject({
        name: repeated(name),
        allowed_groups: GROUPS.default([]),
        denied_groups: GROUPS.default([]),
      })
      .transform(({ allowed_groups, denied_groups }) => ({
        question: {},
        fact: (revised) => ({ type: 'AclPut', data: { ...revised, acl: { name, allowed_groups, denied_groups } } }),
        problems: (view) => [
          ...groupProblems(view, 'allowed_groups', allowed_groups, { members: false }),
          ...groupProblems(view, 'denied_groups', denied_groups, { members: false }),
        ],
      })),
}

/** `METHOD` and path template of a REST resource that stands for this service. */
const TEMPLATE = z.strictObject({
  method: z.string().regex(/^[A-Z]{1,20}$/, 'must be an HTTP method'),
  path: z.string().regex(/^\/[\x21-\x7e]{0,499}$/, 'must be a path'),
})

const RESOURCES: Kind = {
  ...named('resource'),
  form: RESOURCE_NAME,
  question: () => ({}),
  body: (name) =>
    z
      .strictObject({
        name: repeated(name),
        execute_acl: NAME.nullable().default(null),
        templates: z.array(TEMPLATE).max(100).default([]),
      })
      .transform(({ execute_acl, templates }) => ({
        question: {},
        fact: (revised) => ({ type: 'ResourcePut', data: { ...revised, resource: { name, execute_acl, templates } } }),
        problems: ({ acls }) =>
          execute_acl === null || acls.some((acl) => acl.name === execute_acl)
            ? []
            : [`execute_acl: there is no ACL ${execute_acl}`],
      })),
}

/** Users, whom POST creates as well. */
export const USERS: Kind = {
  ...named('user'),
  form: NAME,
  question: (sub) => ({ subs: [sub] }),
  body: (sub) =>
    z
      .strictObject({
        sub: repeated(sub),
        username: USERNAME,
        name: TEXT.nullable().default(null),
        email: TEXT.regex(/^[^@\s]+@[^@\s]+$/, 'must be an address')
          .nullable()
          .default(null),
        groups: GROUPS.default([]),
        enabled: z.boolean().default(true),
      })
      .transform(({ username, name, email, groups, enabled }) => {
        const user = { sub, groups, enabled, personal: { username, name, email } }
        return {
          username,
          question: { subs: [sub], usernames: [username] },
          fact: (revised) => ({ type: 'UserPut', data: { ...revised, user } }),
          problems: (view) => groupProblems(view, 'groups', groups, { members: true }),
        }
      }),
}

/** Every kind that is written by PUT. */
export const KINDS: readonly Kind[] = Object.values({
  scope: SCOPES,
  group: GROUP_KIND,
  acl: ACLS,
  resource: RESOURCES,
  user: USERS,
} satisfies Record<PutKind, Kind>)
