import type { UserEntity } from '../../../shared/ledger/registry/state.ts'
import type { ReadModelTables } from '../../../shared/read-model/read-model.ts'
import { entityJson, entityOfRow, type RegistryRow } from '../../../shared/read-model/registry-rows.ts'

/** These users as they stand, by `sub`, tombstones too. */
export async function readUsers(
  { knex, schema }: Pick<ReadModelTables, 'knex' | 'schema'>,
  subs: readonly string[],
): Promise<Map<string, UserEntity>> {
  if (subs.length === 0) return new Map()
  const { rows } = await knex.raw<{ rows: { entity: RegistryRow }[] }>(
    `SELECT ${entityJson('user', 'u')} AS entity FROM ${schema}.users u WHERE u.sub = ANY (?::text[])`,
    [[...subs]],
  )
  return new Map(rows.map(({ entity }) => [String(entity.id), entityOfRow('user', entity)]))
}
