import { type Bearer, requireRight } from '../../../shared/callers/require-right.ts'
import type { HttpContext } from '../../../shared/http/context.ts'
import { OAuthError } from '../../../shared/http/oauth-error.ts'
import { needsGuard } from '../../../shared/ledger/access/guard.ts'
import type { EntityFact } from '../../../shared/ledger/events.ts'
import { GUARD_RESOURCE } from '../../../shared/ledger/registry/predefined.ts'
import type { RegistryEntity } from '../../../shared/ledger/registry/state.ts'
import { requireRecent } from '../../../shared/read-model/reads/freshness.ts'
import type { Admin } from '../admin.ts'
import type { Repeatable } from '../idempotency-key.ts'
import { type Change, writeEntity } from './write.ts'

/**
 * A write that its sender may repeat. `isOurs`: whether what stands there was made by this request, where somebody else
 * may have made it.
 */
export type Once = { change: Change; request: Repeatable; isOurs?: (entity: RegistryEntity) => Promise<boolean> }

/** What was written; `madeAt`: the database's clock (ms) where an equal request had made it, else `null`. */
export type WrittenOnce = { entity: RegistryEntity; madeAt: number | null }

/**
 * Writes one entity, or answers again what an equal request has made, as it stands now. OAuthError: as `writeEntity`;
 * 409 where it was deleted since.
 */
export async function writeOnce(admin: Admin, ctx: HttpContext, bearer: Bearer, once: Once): Promise<WrittenOnce> {
  const before = await madeBefore(admin, ctx, once)
  if (before) return before
  try {
    return { entity: await writeEntity(admin, ctx, bearer, once.change), madeAt: null }
  } catch (error) {
    // Perhaps an equal request, at the same moment.
    const isOvertaken = error instanceof OAuthError && [409, 412].includes(error.status)
    const first = isOvertaken ? await madeBefore(admin, ctx, once) : null
    if (first) return first
    throw error
  }
}

async function madeBefore(admin: Admin, ctx: HttpContext, once: Once): Promise<WrittenOnce | null> {
  const { change, request, isOurs } = once
  if (request.key === null) return null
  const { checkpoint, now, entities, view } = await admin.registry.read(change.question)
  requireRecent(checkpoint, now, admin.maxLagMs)
  const entity = entities.get(change.key)
  if (!entity || entity.revision < request.revision) return null
  if (isOurs && !(await isOurs(entity))) return null
  const fact = standingFact(entity)
  if (!fact) throw new OAuthError('conflict', 'what this Idempotency-Key made was deleted')
  // It was asked for when this was made, and may have been taken away since.
  if (needsGuard(view, fact)) await requireRight(admin, ctx, GUARD_RESOURCE)
  return { entity, madeAt: now }
}

/** A fact that would leave the entity as it stands; `null`: it is gone. */
function standingFact({ kind, value, revision }: RegistryEntity): EntityFact | null {
  if (kind === 'client' && value) return { type: 'ClientChanged', data: { revision, client: value } }
  if (kind === 'user' && value) return { type: 'UserPut', data: { revision, user: value } }
  return null
}
