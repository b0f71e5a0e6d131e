import { requireRight } from '../../../shared/callers/require-right.ts'
import type { HttpContext } from '../../../shared/http/context.ts'
import { type GrantWrite, needsGuard } from '../../../shared/ledger/access/guard.ts'
import { registryKey } from '../../../shared/ledger/registry/kinds.ts'
import { GUARD_RESOURCE } from '../../../shared/ledger/registry/predefined.ts'
import { lives } from '../../../shared/ledger/registry/state.ts'
import { requireRecent } from '../../../shared/read-model/reads/freshness.ts'
import type { RegistryRead } from '../../../shared/read-model/reads/registry.ts'
import type { Admin } from '../admin.ts'

/** The right to make and end grants. */
export const GRANTS = 'ledger.admin:grants'

/**
 * The guard's right as well, where this client or principal reaches `ledger.*`, or is one that the ledger no longer
 * knows. Answers whether it was asked for.
 */
export async function guardGrant(
  admin: Admin,
  ctx: HttpContext,
  { checkpoint, now, view, entities }: RegistryRead,
  { client_id, principal, scope }: Omit<GrantWrite, 'type'>,
): Promise<boolean> {
  requireRecent(checkpoint, now, admin.checkMaxLagMs)
  const write: GrantWrite = { type: 'GrantWrite', client_id, principal, scope }
  // Whom the ledger no longer knows may have been one of its administrators.
  const isGone = !lives(
    entities.get(principal.type === 'user' ? registryKey('user', principal.id) : registryKey('client', client_id)),
  )
  const isGuarded = isGone || needsGuard(view, write)
  if (isGuarded) await requireRight(admin, ctx, GUARD_RESOURCE)
  return isGuarded
}
