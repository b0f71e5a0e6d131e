import { createHash, createHmac } from 'node:crypto'
import type { Knex } from 'knex'
import type { Keys } from '../tokens/keys.ts'
import { PersonForgotten } from './person-keys.ts'

/**
 * What a request makes: this revision of the entity of this id. `salt`: random; of a secret that is made again, so that
 * nobody makes it again once the row is gone. Where no secret is made, the id of the event that makes it.
 */
export type Made = { id: string; revision: number; salt: string }

/** A request that its sender may repeat: whose it is, under which key, to which route, with which body. */
export type IdempotentRequest = { principal: string; key: string; route: string; body: string }

/** The key stands for another request of the same sender. */
export class KeyUsedOtherwise extends Error {
  constructor() {
    super('the Idempotency-Key was used for another request')
    this.name = 'KeyUsedOtherwise'
  }
}

/** How long a key stands for its request. */
export const KEPT_HOURS = 24

// As many as this go with each new one, so that there never are many more than 24 hours bring.
const CLEANED = 100

/**
 * What this request makes, committed before anything is appended: of equal requests, at once or one after the other, in
 * whatever process, each is answered the same. KeyUsedOtherwise; PersonForgotten for who was made and then forgotten.
 */
export async function claimRequest(
  { knex, keys }: { knex: Knex; keys: Keys },
  request: IdempotentRequest,
  made: Made,
): Promise<Made> {
  const { principal, route, body } = request
  const [key_sha256, kid] = [createHash('sha256').update(request.key).digest(), keys.current]
  const body_mac = macOf(keys, kid, body)
  if (!body_mac) throw new Error(`no key for repeated requests under kid ${kid}`)
  const row = { principal, key_sha256, route, kid, body_mac, ...made }
  if (await insert(knex, row)) {
    await clean(knex)
    return made
  }
  const { rows } = await knex.raw<{ rows: Stored[] }>(
    `SELECT id, revision, salt, route, kid, body_mac FROM ledger.idempotent_requests
      WHERE principal = :principal AND key_sha256 = :key_sha256`,
    { principal, key_sha256 },
  )
  const [first] = rows
  if (!first) throw new Error('the request that came first is not there')
  const { id, revision, salt } = first
  if (first.body_mac === null) throw new PersonForgotten()
  const equal = first.route === route && macOf(keys, first.kid, body)?.equals(first.body_mac)
  if (!equal) throw new KeyUsedOtherwise()
  return { id, revision, salt }
}

/** SQL that leaves nothing of what was sent to make these persons (an array), and makes nobody of them again. */
export const forgetRequestsSql = `
  UPDATE ledger.idempotent_requests SET body_mac = NULL WHERE id = ANY (?::text[]) AND body_mac IS NOT NULL`

/** The same of everybody who was forgotten: the row may have come back from a backup. */
export const forgetRequestsAgainSql = `
  UPDATE ledger.idempotent_requests r SET body_mac = NULL FROM ledger.persons p
   WHERE p.sub = r.id AND p.forgotten_at IS NOT NULL AND r.body_mac IS NOT NULL`

type Stored = { route: string; kid: number; body_mac: Buffer | null } & Made
type Row = Stored & { principal: string; key_sha256: Buffer }

/** Whether this is the first of its key, or the one before is too old to count. */
async function insert(knex: Knex, row: Row): Promise<boolean> {
  const { rows } = await knex.raw<{ rows: unknown[] }>(
    `INSERT INTO ledger.idempotent_requests AS r (principal, key_sha256, route, kid, body_mac, id, revision, salt)
     VALUES (:principal, :key_sha256, :route, :kid, :body_mac, :id, :revision, :salt)
         ON CONFLICT (principal, key_sha256) DO UPDATE
        SET route = excluded.route, kid = excluded.kid, body_mac = excluded.body_mac, id = excluded.id,
            revision = excluded.revision, salt = excluded.salt, created_at = excluded.created_at
      WHERE r.created_at <= clock_timestamp() - interval '${KEPT_HOURS} hours' RETURNING 1`,
    row,
  )
  return rows.length > 0
}

async function clean(knex: Knex): Promise<void> {
  await knex.raw(
    `DELETE FROM ledger.idempotent_requests r USING (
       SELECT principal, key_sha256 FROM ledger.idempotent_requests
        WHERE created_at <= clock_timestamp() - interval '${KEPT_HOURS} hours'
        ORDER BY created_at LIMIT ${CLEANED} FOR UPDATE SKIP LOCKED) old
      WHERE r.principal = old.principal AND r.key_sha256 = old.key_sha256`,
  )
}

/** Begins with a word, so that no body is the text of a secret that is made again (tokens/client-secret.ts). */
function macOf(keys: Keys, kid: number, body: string): Buffer | null {
  const subkey = keys.subkey('idempotency', kid)
  return subkey ? createHmac('sha256', subkey).update('body ').update(body, 'utf8').digest() : null
}
