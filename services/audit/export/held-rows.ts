import { type LinkKind, listLinks } from '../../../shared/accounts/sessions/links.ts'
import { listSessions, type StoredSession } from '../../../shared/accounts/sessions/sessions.ts'
import type { Client } from '../../../shared/ledger/events.ts'
import type { ClientEntity } from '../../../shared/ledger/registry/state.ts'
import type { ReadModelTables } from '../../../shared/read-model/read-model.ts'
import { entityJson, entityOfRow, type RegistryRow } from '../../../shared/read-model/registry-rows.ts'

/** What stands in schema `ledger` about a person, but for the key itself. */
export type HeldKey = { key_id: string | null; kid: number | null; forgotten_at: string | null }

/** The key of this person; `null` where there never was one, or it got lost. */
export async function readHeldKey({ knex }: Pick<ReadModelTables, 'knex'>, sub: string): Promise<HeldKey | null> {
  const { rows } = await knex.raw<{ rows: (Omit<HeldKey, 'forgotten_at'> & { forgotten_at: Date | null })[] }>(
    'SELECT key_id, kid, forgotten_at FROM ledger.persons WHERE sub = ?',
    [sub],
  )
  const [row] = rows
  return row ? { ...row, forgotten_at: row.forgotten_at?.toISOString() ?? null } : null
}

/** A login of this person; what lets somebody in by it is stored nowhere. */
export type HeldSession = Pick<StoredSession, 'sid' | 'amr' | 'network'> & {
  logged_in_at: string
  auth_time: string
  used_at: string
}

/** The logins of this person that are stored, whether or not they still count. */
export async function readHeldSessions({ knex }: Pick<ReadModelTables, 'knex'>, sub: string): Promise<HeldSession[]> {
  const sessions = await listSessions(knex, sub, { idle: FOR_EVER, lifetime: FOR_EVER })
  return sessions.map(({ sid, amr, network, logged_in_at, auth_time, used_at }) => {
    const times = { logged_in_at: timeOf(logged_in_at), auth_time: timeOf(auth_time), used_at: timeOf(used_at) }
    return { sid, amr, network, ...times }
  })
}

const FOR_EVER = 10 * 365 * 86_400

export type HeldLink = { kind: LinkKind; created_at: string; expires_at: string }

/** The one-time links of this person that are stored, without the links. */
export async function readHeldLinks({ knex }: Pick<ReadModelTables, 'knex'>, sub: string): Promise<HeldLink[]> {
  const links = await listLinks(knex, sub)
  return links.map(({ kind, created_at, expires_at }) => {
    return { kind, created_at: timeOf(created_at), expires_at: timeOf(expires_at) }
  })
}

const timeOf = (ms: number) => new Date(ms).toISOString()

type Tables = Pick<ReadModelTables, 'knex' | 'schema'>

/** These clients as they stand, by `client_id`. */
export async function readClients(
  { knex, schema }: Tables,
  client_ids: readonly Client['client_id'][],
): Promise<Map<string, ClientEntity>> {
  const { rows } = await knex.raw<{ rows: { entity: RegistryRow }[] }>(
    `SELECT ${entityJson('client', 'c')} AS entity FROM ${schema}.clients c WHERE c.client_id = ANY (?::text[])`,
    [[...client_ids]],
  )
  return new Map(rows.map(({ entity }) => [String(entity.id), entityOfRow('client', entity)]))
}

/** An access token that lives: all that there is to tell of it, as the token itself is nowhere. */
export type LiveToken = {
  grant_id: string
  generation: number
  scope: string
  issued_at: Date
  expires_at: Date | null
}

/** The access tokens of these grants that live now. */
export async function readLiveTokens({ knex, schema }: Tables, grant_ids: readonly string[]): Promise<LiveToken[]> {
  const { rows } = await knex.raw<{ rows: LiveToken[] }>(
    `SELECT grant_id, generation, scope, issued_at, expires_at
       FROM ${schema}.live_bearer_tokens WHERE grant_id = ANY (?::uuid[]) ORDER BY grant_id, generation`,
    [[...grant_ids]],
  )
  return rows
}
