import { z } from 'zod'
import type { JsonObject } from '../../../shared/http/input/merge-patch.ts'
import type { RegistryEntity } from '../../../shared/ledger/registry/state.ts'
import { FLAG, MEMBERSHIP } from '../lists/list-query.ts'
import { groupProblems, GROUPS, NAME, TEXT, USERNAME } from '../names.ts'
import { omit } from '../registry/shown.ts'
import { type Kind, named, patchable, type Patching, repeated, REVISION, type Wanted } from './kind.ts'

const PERSON = ['username', 'name', 'email']

/** Where a PATCH does not touch what names the person, it stays sealed as it is, also where it cannot be read. */
function patchingUser(entity: RegistryEntity, patch: JsonObject): Patching {
  const members = omit(patchable(entity), 'personal_state')
  const sub = String(members['sub'])
  if (PERSON.some((member) => member in patch)) return { members, body: USERS.body(sub) }
  return { members: omit(members, ...PERSON), body: userTerms(sub, entity) }
}

function userTerms(sub: string, { kind, value }: RegistryEntity): z.ZodType<Wanted> {
  const shape = {
    sub: repeated(sub),
    revision: REVISION,
    groups: GROUPS.default([]),
    enabled: z.boolean().default(true),
  }
  return z.strictObject(shape).transform(({ groups, enabled, revision }) => ({
    revision,
    question: { subs: [sub] },
    fact: (revised) => {
      if (kind !== 'user' || !value) throw new Error('no living user is patched')
      return { type: 'UserPut', data: { ...revised, user: { ...value, groups, enabled } } }
    },
    problems: (view) => groupProblems(view, 'groups', groups, { members: true }),
  }))
}

/** Users, whose names are sealed in the log. */
export const USERS: Kind = {
  ...named('user'),
  filters: { enabled: FLAG, group: MEMBERSHIP },
  patching: patchingUser,
  form: NAME,
  question: (sub) => ({ subs: [sub] }),
  body: (sub) =>
    z
      .strictObject({
        sub: repeated(sub),
        revision: REVISION,
        username: USERNAME,
        name: TEXT.nullable().default(null),
        email: TEXT.regex(/^[^@\s]+@[^@\s]+$/, 'must be an address')
          .nullable()
          .default(null),
        groups: GROUPS.default([]),
        enabled: z.boolean().default(true),
      })
      .transform(({ username, name, email, groups, enabled, revision }) => {
        const user = { sub, groups, enabled, personal: { username, name, email } }
        return {
          revision,
          username,
          question: { subs: [sub], usernames: [username] },
          fact: (revised) => ({ type: 'UserPut', data: { ...revised, user } }),
          problems: (view) => groupProblems(view, 'groups', groups, { members: true }),
        }
      }),
}
