import { deadBecause, hasEndedWith } from '../../shared/ledger/grant/liveness.ts'
import { deadSince } from '../../shared/ledger/grant/sweepable.ts'
import type { GrantState } from '../../shared/ledger/grant/state.ts'
import type { ClientEntity, UserEntity } from '../../shared/ledger/registry/state.ts'
import type { Runtime } from '../../shared/process/runtime.ts'
import { grantPage } from '../../shared/read-model/lists/grant-page.ts'
import type { EffectiveStatus } from '../../shared/read-model/lists/grant-status.ts'
import { pageSql } from '../../shared/read-model/lists/page.ts'

type Asked = { state: Exclude<GrantState, { status: 'unknown' }>; client: ClientEntity | null; user: UserEntity | null }

/** What the core says became of a grant, with the reason; no status while more of the registry is needed. */
export function statusByCore({ state, client, user }: Asked, { now, next }: { now: number; next: number }): string {
  const { grant_id, registry_position, principal } = state
  const told = (status: EffectiveStatus | null, reason: string | null = null) => `${grant_id} ${status} ${reason}`
  if (registry_position > next) return told(null)
  if (state.status === 'revoked') return told('revoked', state.reason)
  const parties = [client, ...(principal.type === 'user' ? [user] : [])]
  const hasGone = parties.some((one) => !one || one.deleted || hasEndedWith(one, registry_position))
  const enabled = <E extends ClientEntity | UserEntity>(one: E | null): E | null =>
    one?.value ? { ...one, value: { ...one.value, enabled: true } } : one
  const asked = { grant: state, client, user }
  if (hasGone) return told('ended', deadBecause({ ...asked, client: enabled(client), user: enabled(user) }))
  if (deadSince(state) <= now) return told('expired')
  const disabled = deadBecause(asked)
  return disabled === null ? told(state.status) : told('disabled', disabled)
}

/** What a list says of every grant. */
export async function statusesListed(runtime: Runtime): Promise<string[]> {
  const { sql, bindings } = pageSql(runtime.schema, grantPage(runtime, { filters: {}, after: null, limit: 1000 }))
  type Row = { row: { grant_id: string; status: string | null; reason: string | null } }
  const { rows } = await runtime.knex.raw<{ rows: { rows: Row[] | null }[] }>(sql, bindings)
  return (rows[0]?.rows ?? []).map(({ row }) => `${row.grant_id} ${row.status} ${row.reason}`)
}
