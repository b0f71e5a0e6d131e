import type { Knex } from 'knex'

/** How long an approval may be repeated, and gives the same grant. */
const KEPT_SECONDS = 60

// As many as this go with each new one.
const CLEANED = 100

/** The grant that stands for this approval: this one, unless one was made before, in whatever process. */
export async function grantOfApproval(knex: Knex, consent_id: string, grant_id: string): Promise<string> {
  const { rows } = await knex.raw<{ rows: { grant_id: string }[] }>(APPROVE, { consent_id, grant_id })
  const [row] = rows
  if (!row) throw new Error('the approval that was made is not there')
  return row.grant_id
}

// The update changes nothing: it waits for who came first, and answers their row. It never meets one that is cleaned.
const APPROVE = `
WITH old AS (
  DELETE FROM ledger.approvals WHERE consent_id IN (
    SELECT consent_id FROM ledger.approvals
     WHERE created_at < clock_timestamp() - interval '${KEPT_SECONDS} s' AND consent_id <> :consent_id::uuid
     ORDER BY created_at LIMIT ${CLEANED} FOR UPDATE SKIP LOCKED))
INSERT INTO ledger.approvals AS a (consent_id, grant_id) VALUES (:consent_id, :grant_id)
    ON CONFLICT (consent_id) DO UPDATE SET grant_id = a.grant_id RETURNING a.grant_id`
