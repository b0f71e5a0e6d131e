import { createHash } from 'node:crypto'
import type { Knex } from 'knex'

/** What a login application said: who it is, or why nobody is. */
export type LoginOutcome =
  | {
      sub: string
      amr: string[]
      registry_position: number
      /** NumericDate; absent: just now. */
      auth_time?: number | undefined
      /** `false`: the browser forgets the login when it is closed. */
      remember?: boolean
      rejected?: undefined
    }
  | { rejected: { error: string; error_description: string } }

export type Answered = { id: string; browser: string; onward: unknown; outcome: LoginOutcome }

/** How long the browser may take to come back. */
const RETURN_WITHIN = "interval '5 minutes'"

/** Longer than a challenge counts, so that none is answered a second time otherwise. */
const KEPT = "interval '2 hours'"

// As many as this at once.
const SWEPT = 1000

/** By what a repeated answer is known as the same. */
export function answerHash(answer: unknown): Buffer {
  return createHash('sha256').update(JSON.stringify(answer)).digest()
}

/** Which answer a challenge has; `null`: none yet. */
export async function answerOf(knex: Knex, id: string): Promise<Buffer | null> {
  const { rows } = await knex.raw<{ rows: { answer_sha256: Buffer }[] }>(
    'SELECT answer_sha256 FROM ledger.login_outcomes WHERE id = ?',
    [id],
  )
  return rows[0]?.answer_sha256 ?? null
}

/** Keeps the answer, unless the challenge has one: that is the one that counts, and is told. */
export async function keepOutcome(
  knex: Knex,
  { id, browser, onward, outcome }: Answered,
  answer_sha256: Buffer,
): Promise<Buffer> {
  await sweepOutcomes(knex)
  await knex.raw(
    `INSERT INTO ledger.login_outcomes (id, browser, onward, outcome, answer_sha256) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT DO NOTHING`,
    [id, browser, JSON.stringify(onward), JSON.stringify(outcome), answer_sha256],
  )
  return (await answerOf(knex, id)) ?? answer_sha256
}

/** Removes answers that nobody can give or take any more. */
export async function sweepOutcomes(knex: Knex): Promise<void> {
  await knex.raw(`
    DELETE FROM ledger.login_outcomes WHERE id IN (
      SELECT id FROM ledger.login_outcomes WHERE created_at < clock_timestamp() - ${KEPT}
       ORDER BY created_at LIMIT ${SWEPT} FOR UPDATE SKIP LOCKED)`)
}

/** `outcome: null`: it was taken before, is too old, or is another browser's. */
export type Taken = { onward: unknown; outcome: LoginOutcome | null }

/** Takes the outcome for this browser, once. `null`: there is none. */
export async function takeOutcome(knex: Knex, id: string, browser: string): Promise<Taken | null> {
  const { rows } = await knex.raw<{ rows: Taken[] }>(
    `WITH taken AS (
       UPDATE ledger.login_outcomes SET used_at = clock_timestamp()
        WHERE id = ? AND browser = ? AND used_at IS NULL AND created_at > clock_timestamp() - ${RETURN_WITHIN}
       RETURNING outcome)
     SELECT onward, (SELECT outcome FROM taken) AS outcome FROM ledger.login_outcomes WHERE id = ?`,
    [id, browser, id],
  )
  return rows[0] ?? null
}

/** SQL that deletes what was answered of these persons (an array). */
export const forgetOutcomesSql = "DELETE FROM ledger.login_outcomes WHERE outcome ->> 'sub' = ANY (?::text[])"

/** The same of everybody who was forgotten: the row may have come back from a backup. */
export const forgetOutcomesAgainSql = `
  DELETE FROM ledger.login_outcomes o USING ledger.persons p
   WHERE p.sub = o.outcome ->> 'sub' AND p.forgotten_at IS NOT NULL`
