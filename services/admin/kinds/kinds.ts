import { z } from 'zod'
import { distinct, groupProblems, GROUPS, NAME, RESOURCE_NAME, TEXT } from '../names.ts'
import { type Kind, named, nothing, type PutKind, repeated, REVISION } from './kind.ts'
import { USERS } from './users.ts'

const SCOPES: Kind = {
  ...named('scope'),
  filters: { includes: RESOURCE_NAME.optional() },
  form: NAME,
  question: () => ({}),
  body: (name) =>
    z
      .strictObject({
        name: repeated(name),
        revision: REVISION,
        description: TEXT.default(''),
        includes: z.array(RESOURCE_NAME).max(1000).transform(distinct).default([]),
      })
      .transform(({ description, includes, revision }) => ({
        revision,
        question: {},
        fact: (revised) => ({ type: 'ScopePut', data: { ...revised, scope: { name, description, includes } } }),
        problems: nothing,
      })),
}

const GROUP_KIND: Kind = {
  ...named('group'),
  filters: {},
  form: NAME,
  question: () => ({}),
  body: (name) =>
    z
      .strictObject({ name: repeated(name), revision: REVISION, description: TEXT.default('') })
      .transform(({ description, revision }) => ({
        revision,
        question: {},
        fact: (revised) => ({ type: 'GroupPut', data: { ...revised, group: { name, description } } }),
        problems: nothing,
      })),
}

const ACLS: Kind = {
  ...named('acl'),
  filters: { group: NAME.optional() },
  form: NAME,
  question: () => ({}),
  body: (name) =>
    z
      .strictObject({
        name: repeated(name),
        revision: REVISION,
        allowed_groups: GROUPS.default([]),
        denied_groups: GROUPS.default([]),
      })
      .transform(({ allowed_groups, denied_groups, revision }) => ({
        revision,
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
  filters: { execute_acl: NAME.optional() },
  form: RESOURCE_NAME,
  question: () => ({}),
  body: (name) =>
    z
      .strictObject({
        name: repeated(name),
        revision: REVISION,
        execute_acl: NAME.nullable().default(null),
        templates: z.array(TEMPLATE).max(100).default([]),
      })
      .transform(({ execute_acl, templates, revision }) => ({
        revision,
        question: {},
        fact: (revised) => ({ type: 'ResourcePut', data: { ...revised, resource: { name, execute_acl, templates } } }),
        problems: ({ acls }) =>
          execute_acl === null || acls.some((acl) => acl.name === execute_acl)
            ? []
            : [`execute_acl: there is no ACL ${execute_acl}`],
      })),
}

/** Every kind that is written by PUT. */
export const KINDS: readonly Kind[] = Object.values({
  scope: SCOPES,
  group: GROUP_KIND,
  acl: ACLS,
  resource: RESOURCES,
  user: USERS,
} satisfies Record<PutKind, Kind>)
