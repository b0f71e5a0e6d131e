import { z } from 'zod'
import { requireRight } from '../../../shared/callers/require-right.ts'
import type { HttpMiddleware } from '../../../shared/http/context.ts'
import { readJson } from '../../../shared/http/input/json-body.ts'
import { OAuthError } from '../../../shared/http/oauth-error.ts'
import type { Revised } from '../../../shared/ledger/events.ts'
import { type NamedKind, REGISTRY_KINDS, registryKey } from '../../../shared/ledger/registry/kinds.ts'
import type { RegistryEntity } from '../../../shared/ledger/registry/state.ts'
import type { RegistryQuestion } from '../../../shared/read-model/reads/registry.ts'
import type { Admin } from '../admin.ts'
import { NAME, nameFrom, REASON } from '../names.ts'
import { etagOf } from './preconditions.ts'
import { type RevisedFact, writeEntity } from './write.ts'

/** Why all of somebody's grants are ended. */
export const REVOKE_ALL = z.strictObject({ reason: REASON })

/** POST /admin/clients/:id/revoke-all: one event ends all of a client's grants up to now, those in flight too. */
export function revokeAllOfClient(admin: Admin): HttpMiddleware {
  return revokeAll(admin, {
    right: 'ledger.admin:clients',
    kind: 'client',
    question: (client_id) => ({ client_ids: [client_id] }),
    fact: (entity, revised, reason) => {
      if (entity?.kind !== 'client' || !entity.value) throw new OAuthError('not_found', 'there is no such client')
      return { type: 'ClientGrantsRevoked', data: { ...revised, client: entity.value, reason } }
    },
  })
}

/** POST /admin/users/:sub/revoke-all: the same for all grants of a user. */
export function revokeAllOfUser(admin: Admin): HttpMiddleware {
  return revokeAll(admin, {
    right: 'ledger.admin:users',
    kind: 'user',
    question: (sub) => ({ subs: [sub] }),
    fact: (entity, revised, reason) => {
      if (entity?.kind !== 'user' || !entity.value) throw new OAuthError('not_found', 'there is no such user')
      return { type: 'UserGrantsRevoked', data: { ...revised, user: entity.value, reason } }
    },
  })
}

type Whose = {
  right: string
  kind: NamedKind
  question: (id: string) => Partial<RegistryQuestion>
  fact: (entity: RegistryEntity | undefined, revised: Revised, reason: string) => RevisedFact
}

function revokeAll(admin: Admin, { right, kind, question, fact }: Whose): HttpMiddleware {
  return async (ctx) => {
    const bearer = await requireRight(admin, ctx, right)
    const name = nameFrom(ctx, REGISTRY_KINDS[kind].id, NAME)
    const { reason } = await readJson(ctx, REVOKE_ALL)
    const entity = await writeEntity(admin, ctx, bearer, {
      key: registryKey(kind, name),
      question: question(name),
      precondition: null,
      fact: (revised, current) => fact(current, revised, reason),
      problems: () => [],
      error: 'invalid_request',
    })
    ctx.set('ETag', etagOf(entity))
    ctx.body = { reason, revision: entity.revision }
  }
}
