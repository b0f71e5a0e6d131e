import { z } from 'zod'
import { requireRight } from '../../../shared/callers/require-right.ts'
import type { HttpMiddleware } from '../../../shared/http/context.ts'
import { readJson } from '../../../shared/http/input/json-body.ts'
import { OAuthError } from '../../../shared/http/oauth-error.ts'
import { registryKey } from '../../../shared/ledger/registry/kinds.ts'
import type { RegistryEntity } from '../../../shared/ledger/registry/state.ts'
import { requireRecent } from '../../../shared/read-model/reads/freshness.ts'
import type { Admin } from '../admin.ts'
import { NAME, nameFrom, REASON } from '../names.ts'
import { type Change, writeEntity } from './write.ts'

const RIGHT = 'ledger.admin:users'
/** How an answer 404 says that nobody ever had this sub, and not that there is no such path. */
export const NO_SUCH_USER = 'there is no such user'

/** Why somebody is forgotten. */
export const FORGET = z.strictObject({ reason: REASON })

/**
 * POST /admin/users/:sub/forget {reason}: forgets a person for ever, who may be deleted already. 200 means: the grants
 * have ended, the key is gone, and the names with it. The same for whoever was forgotten before; 404 for a `sub` that
 * nobody ever had.
 */
export function forgetUser(admin: Admin): HttpMiddleware {
  return async (ctx) => {
    const bearer = await requireRight(admin, ctx, RIGHT)
    const sub = nameFrom(ctx, 'sub', NAME)
    const { reason } = await readJson(ctx, FORGET)
    const change = changeOf(sub, reason)
    const isForgotten = (await readUser(admin, change))?.forgotten === true
    if (!isForgotten) await writeEntity(admin, ctx, bearer, change)
    ctx.body = { sub, forgotten: true }
  }
}

async function readUser({ registry, maxLagMs }: Admin, change: Change): Promise<RegistryEntity | undefined> {
  const read = await registry.read(change.question)
  requireRecent(read.checkpoint, read.now, maxLagMs)
  return read.entities.get(change.key)
}

function changeOf(sub: string, reason: string): Change {
  return {
    key: registryKey('user', sub),
    question: { subs: [sub] },
    precondition: null,
    fact: (revised, entity) => {
      if (!entity) throw new OAuthError('not_found', NO_SUCH_USER)
      return { type: 'UserForgotten', data: { ...revised, sub, reason } }
    },
    problems: () => [],
    error: 'invalid_request',
  }
}
