import { createHash } from 'node:crypto'
import type { Knex } from 'knex'

/** An assertion that proved its client: its `jti`, until when it is good (NumericDate), and what it was sent with. */
export type UsedAssertion = { client_id: string; jti: string; exp: number; request: string }

/** Notes that an assertion was used. False where it was before, with another request: somebody uses it again. */
export type UseAssertion = (used: UsedAssertion) => Promise<boolean>

// As many as this go with each new one, so that there never are many more than the longest life of one brings.
const CLEANED = 100

// Who read the clock before its last moment may arrive here after it.
const GONE = `expires_at < clock_timestamp() - interval '1 minute'`

/**
 * The assertions that were used, in whatever process, for as long as they are good. One statement decides, so of two
 * different requests at once one is the first.
 */
export function createUseAssertion(knex: Knex): UseAssertion {
  return async ({ client_id, jti, exp, request }) => {
    const { rows } = await knex.raw<{ rows: unknown[] }>(
      `INSERT INTO ledger.assertions AS a (client_id, jti_sha256, request_sha256, expires_at)
       VALUES (:client_id, :jti_sha256, :request_sha256, to_timestamp(:exp))
           ON CONFLICT (client_id, jti_sha256) DO UPDATE
          SET request_sha256 = excluded.request_sha256, expires_at = excluded.expires_at
        WHERE a.request_sha256 = excluded.request_sha256 OR a.${GONE} RETURNING 1`,
      { client_id, jti_sha256: sha256(jti), request_sha256: sha256(request), exp },
    )
    if (rows.length > 0) await clean(knex)
    return rows.length > 0
  }
}

async function clean(knex: Knex): Promise<void> {
  await knex.raw(
    `DELETE FROM ledger.assertions a USING (
       SELECT client_id, jti_sha256 FROM ledger.assertions
        WHERE ${GONE} ORDER BY expires_at LIMIT ${CLEANED} FOR UPDATE SKIP LOCKED) old
      WHERE a.client_id = old.client_id AND a.jti_sha256 = old.jti_sha256`,
  )
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest()
}
