import { createHash } from 'node:crypto'
import type { Knex } from 'knex'

/**
 * What a request makes: this revision of the entity of this id. `salt`: random; of a secret that is made again, so that
 * nobody makes it again once the row is gone.
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
 * whatever process, each is answered the same. KeyUsedOtherwise.
 */
export async function claimRequest(knex: Knex, request: IdempotentRequest, made: Made): Promise<Made> {
  const { principal, route } = request
  const [key_sha256, body_sha256] = [sha256(request.key), sha256(request.body)]
  const row = { principal, key_sha256, route, body_sha256, ...made }
  if (await insert(knex, row)) {
    await clean(knex)
    return made
  }
  const { rows } = await knex.raw<{ rows: (Made & { equal: boolean })[] }>(
    `SELECT id, revision, salt, route = :route AND body_sha256 = :body_sha256 AS equal
       FROM ledger.idempotent_requests WHERE principal = :principal AND key_sha256 = :key_sha256`,
    { principal, key_sha256, route, body_sha256 },
  )
  const [first] = rows
  if (!first) throw new Error('the request that came first is not there')
  if (!first.equal) throw new KeyUsedOtherwise()
  const { id, revision, salt } = first
  return { id, revision, salt }
}

type Row = { principal: string; key_sha256: Buffer; route: string; body_sha256: Buffer } & Made

/** Whether this is the first of its key, or the one before is too old to count. */
async function insert(knex: Knex, row: Row): Promise<boolean> {
  const { rows } = await knex.raw<{ rows: unknown[] }>(
    `INSERT INTO ledger.idempotent_requests AS r (principal, key_sha256, route, body_sha256, id, revision, salt)
     VALUES (:principal, :key_sha256, :route, :body_sha256, :id, :revision, :salt)
         ON CONFLICT (principal, key_sha256) DO UPDATE
        SET route = excluded.route, body_sha256 = excluded.body_sha256, id = excluded.id, revision = excluded.revision,
            salt = excluded.salt, created_at = excluded.created_at
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

function sha256(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest()
}
