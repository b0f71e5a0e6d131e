import type { Knex } from 'knex'
import { forgetRequestsAgainSql, forgetRequestsSql } from '../../accounts/idempotent-requests.ts'
import { forgetPasswordsAgainSql, forgetPasswordsSql } from '../../accounts/passwords/passwords.ts'
import { forgetLinksAgainSql, forgetLinksSql } from '../../accounts/sessions/links.ts'
import { forgetOutcomesAgainSql, forgetOutcomesSql } from '../../accounts/sessions/login-outcomes.ts'
import { forgetSessionsAgainSql, forgetSessionsSql } from '../../accounts/sessions/sessions.ts'
import { forgetSql } from '../../accounts/person-keys.ts'
import { isSchemaGone } from '../../database/away.ts'
import type { TopicPartition } from '../../event-log/places.ts'
import type { ReadModelTables } from '../read-model.ts'
import { NAMING_COLUMNS } from '../../accounts/person-columns.ts'
import { schemasOfPeople } from '../versions/read-models.ts'

type Forgetting = { subs: string[]; places: TopicPartition[] }

/**
 * Folds with `write` what forgets these persons, in one transaction: their keys are gone, and their names from every
 * read model, also from one that is not projected. Locks go checkpoints, keys in the order of `sub`, their version,
 * users: as each write of a user takes them, so that no two wait for each other.
 */
export async function forgetWith<T>(
  { knex, schema }: ReadModelTables,
  { subs, places }: Forgetting,
  write: (tx: Knex) => Promise<T>,
): Promise<T> {
  return knex.transaction(async (tx) => {
    await lockCheckpoints(tx, schema, places)
    await tx.raw(forgetSql('(SELECT unnest(?::text[]) AS sub ORDER BY sub) AS f'), [subs])
    await tx.raw(forgetRequestsSql, [subs])
    await tx.raw(forgetPasswordsSql, [subs])
    await tx.raw(forgetSessionsSql, [subs])
    await tx.raw(forgetLinksSql, [subs])
    await tx.raw(forgetOutcomesSql, [subs])
    // Only now, in a statement of its own: who wrote a name under the key before is seen, and nobody does any more.
    for (const other of await schemasOfPeople(tx)) {
      if (other !== schema) await blankIn(tx, other, subs)
    }
    return write(tx)
  })
}

/** Folds with `write` while nobody can be forgotten: what is read of keys in this transaction stays so. */
export async function holdingKeys<T>(
  { knex, schema }: ReadModelTables,
  places: TopicPartition[],
  write: (tx: Knex) => Promise<T>,
): Promise<T> {
  return knex.transaction(async (tx) => {
    await lockCheckpoints(tx, schema, places)
    await tx.raw('SELECT FROM ledger.persons_version FOR SHARE')
    return write(tx)
  })
}

async function lockCheckpoints(tx: Knex, schema: string, places: TopicPartition[]): Promise<void> {
  await tx.raw(
    `SELECT FROM ${schema}.checkpoints c JOIN json_to_recordset(?::json) AS p(topic text, partition int)
      USING (topic, partition) ORDER BY c.topic, c.partition FOR UPDATE OF c`,
    [JSON.stringify(places)],
  )
}

/**
 * What a read model shows of persons that are forgotten elsewhere, until it folds that itself. A user of version 1
 * stays: the log has the name in clear, and the fold needs it.
 */
const BLANK = `${NAMING_COLUMNS.map((column) => `${column} = NULL`).join(', ')}, personal_state = 'forgotten'`

async function blankIn(tx: Knex, schema: string, subs: string[]): Promise<void> {
  const blank = `UPDATE ${schema}.users SET ${BLANK} WHERE sub = ANY (?) AND username_index IS NOT NULL`
  await ifThere(tx, (inner) => inner.raw(blank, [subs]))
}

/** `null`: the schema was dropped meanwhile. */
async function ifThere<T>(knex: Knex, work: (tx: Knex) => PromiseLike<T>): Promise<T | null> {
  return knex
    .transaction(async (tx) => work(tx))
    .catch((error: unknown) => {
      if (isSchemaGone(error)) return null
      throw error
    })
}

/** How many keys of forgotten persons were there again, and how many names. */
export type Enforced = { keys: number; names: number }

/**
 * Has whatever any read model knows of forgetting hold for the keys again, and what the keys know of it for the names
 * in every read model: one of the two may have come back from a backup. `known`: who else was forgotten, by the log.
 */
export async function enforceForgetting(knex: Knex, known: string[] = []): Promise<Enforced> {
  const schemas = await schemasOfPeople(knex)
  const enforced = { keys: await countOf(knex, forgetKnown, [known]), names: 0 }
  for (const schema of schemas) enforced.keys += await countOf(knex, forgetKeysSql(schema))
  for (const schema of schemas) enforced.names += await countOf(knex, forgetNamesSql(schema))
  await knex.raw(forgetRequestsAgainSql)
  await knex.raw(forgetPasswordsAgainSql)
  await knex.raw(forgetSessionsAgainSql)
  await knex.raw(forgetLinksAgainSql)
  await knex.raw(forgetOutcomesAgainSql)
  return enforced
}

async function countOf(knex: Knex, sql: string, bindings: string[][] = []): Promise<number> {
  const counted = `WITH done AS (${sql}) SELECT count(*)::int AS count FROM done`
  const answer = await ifThere(knex, (tx) => tx.raw<{ rows: { count: number }[] }>(counted, bindings))
  return answer?.rows[0]?.count ?? 0
}

const forgetAgain = (found: string) =>
  `${forgetSql(`(
  SELECT u.sub FROM ${found}
     AND NOT EXISTS (SELECT FROM ledger.persons k WHERE k.sub = u.sub AND k.forgotten_at IS NOT NULL)
   ORDER BY u.sub) AS f`)} RETURNING p.sub`

const forgetKnown = forgetAgain('unnest(?::text[]) AS u (sub) WHERE true')

// Both begin with those who are forgotten, by an index of these alone.
const forgetKeysSql = (schema: string) => forgetAgain(`${schema}.users u WHERE u.personal_state = 'forgotten'`)

const forgetNamesSql = (schema: string) => `
  UPDATE ${schema}.users u SET ${BLANK} FROM ledger.persons k
   WHERE k.forgotten_at IS NOT NULL AND k.sub = u.sub
     AND u.username_index IS NOT NULL AND u.personal_state IS DISTINCT FROM 'forgotten' RETURNING u.sub`
