import type { EntityOf } from '../../ledger/registry/state.ts'
import type { ReadModel } from '../read-model.ts'
import { entityJson, entityOfRow, type RegistryRow } from '../registry-rows.ts'

export type KeyEntity = EntityOf<'key'>

/** Every key that the log knows, by kid, retired ones too, as of the registry's offset `next`. */
export type KnownKeys = { next: number; keys: ReadonlyMap<number, KeyEntity> }

/** Reads the keys with the position of the registry that they are of. */
export async function readKeys({ knex, schema, topics }: ReadModel): Promise<KnownKeys> {
  const { rows } = await knex.raw<{ rows: { next: number | null; keys: RegistryRow[] | null }[] }>(
    `SELECT (SELECT next FROM ${schema}.checkpoints WHERE topic = ? AND partition = 0) AS next,
            (SELECT json_agg(${entityJson('key', 'y')} ORDER BY y.kid) FROM ${schema}.keys y) AS keys`,
    [topics.registry],
  )
  const keys = (rows[0]?.keys ?? []).map((row): [number, KeyEntity] => [Number(row.id), entityOfRow('key', row)])
  return { next: rows[0]?.next ?? 0, keys: new Map(keys) }
}
