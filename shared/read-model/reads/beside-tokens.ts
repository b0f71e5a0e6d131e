import { createBatcher } from '../../database/batcher.ts'
import { createStamps } from '../stamps.ts'
import { type Patience, READ_BOUND, readTokens, type TimedReadModel, type TokenKey, type TokenView } from './tokens.ts'

/** What is read in the statement of a token view. `name`: of the prepared statement. */
export type Beside<Key, Row, Found> = {
  name: string
  /** Columns; each array of `bindings` is one of their parameters. */
  sql: (schema: string) => string
  bindings: (keys: readonly Key[]) => string[][]
  /** What of the row is a key's; asked for each key by itself, as it may throw. */
  found: (row: Row) => (key: Key) => Found
}

/**
 * Reads token views, each with what stands beside it; while one query is in flight, the next collects. QueueFull where
 * too many wait, or one too long.
 */
export function createBesideReader<Key extends TokenKey, Row, Found>(
  { stamps = createStamps(), ...given }: TimedReadModel,
  { patienceMs }: Patience,
  { name, sql, bindings, found }: Beside<Key, Row, Found>,
): (key: Key) => Promise<TokenView & Found> {
  const readModel = { ...given, stamps }
  const columns = sql(readModel.schema)
  const load = async (keys: Key[]) => {
    const more = { sql: columns, bindings: bindings(keys) }
    const { views, row } = await readTokens<Row>({ readModel, name, more }, keys)
    const foundFor = found(row)
    return views.map((view, i) => () => ({ ...view(), ...foundFor(keys[i] as Key) }))
  }
  const read = createBatcher(load, { bound: READ_BOUND, patienceMs })
  return async (key) => (await read(key))()
}
