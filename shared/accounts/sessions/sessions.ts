import { createHash, randomUUID } from 'node:crypto'
import type { Knex } from 'knex'

export type NewSession = { sub: string; amr: string[]; registry_position: number }

export function sessionHash(id: string): Buffer {
  return createHash('sha256').update(id).digest()
}

/** Stores a login under the hash of its cookie. */
export async function openSession(knex: Knex, id: string, { sub, amr, registry_position }: NewSession): Promise<void> {
  await knex.raw('INSERT INTO ledger.sessions (id_sha256, sid, sub, amr, registry_position) VALUES (?, ?, ?, ?, ?)', [
    ...[sessionHash(id), randomUUID(), sub, amr, registry_position],
  ])
}

/** The grant that stands for this approval: this one, unless it was made before. */
export async function grantOfApproval(knex: Knex, consent_id: string, grant_id: string): Promise<string> {
  await knex.raw("DELETE FROM ledger.approvals WHERE created_at < clock_timestamp() - interval '60 s'")
  await knex.raw('INSERT INTO ledger.approvals (consent_id, grant_id) VALUES (?, ?) ON CONFLICT DO NOTHING', [
    ...[consent_id, grant_id],
  ])
  const { rows } = await knex.raw<{ rows: { grant_id: string }[] }>(
    'SELECT grant_id FROM ledger.approvals WHERE consent_id = ?',
    [consent_id],
  )
  return rows[0]?.grant_id ?? grant_id
}
