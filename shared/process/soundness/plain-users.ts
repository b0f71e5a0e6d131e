import type { ReadModel } from '../../read-model/read-model.ts'

/** How many records of the log name a person in clear, as far as this read model shows the log. */
export async function countPlainUserRecords({ knex, schema }: Pick<ReadModel, 'knex' | 'schema'>): Promise<number> {
  const { rows } = await knex.raw<{ rows: { records: number }[] }>(
    `SELECT coalesce(sum(plain_user_records), 0)::float8 AS records FROM ${schema}.checkpoints`,
  )
  return rows[0]?.records ?? 0
}

/**
 * That the log names people in clear, in records of a release before, and how many there are; `null`: none. As far as
 * this read model shows the log: nothing is read of the log itself.
 */
export async function plainUsersWarning(readModel: Pick<ReadModel, 'knex' | 'schema'>): Promise<string | null> {
  const records = await countPlainUserRecords(readModel)
  return records === 0 ? null : plainUsersText(records)
}

/** How that is said. It stays true when these people are put again, or forgotten. */
export function plainUsersText(records: number): string {
  const what = `the log names people in clear in ${records} ${records === 1 ? 'record' : 'records'} of UserPut/1 and UserGrantsRevoked/1`
  return `${what}, for ever, also where they were put again or forgotten since: only a new ledger mends that`
}
