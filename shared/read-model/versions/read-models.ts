import type { Knex } from 'knex'
import { OperatorError } from '../../config/operator-error.ts'
import { ownCommand } from '../../config/own-command.ts'
import { isSchemaGone } from '../../database/away.ts'
import { LAYOUT, TABLES_SHA256 } from '../tables.ts'

/** One read model of this database. Times are RFC 3339; `built_at: null` = it does not yet hold all of the log. */
export type ReadModelVersion = {
  schema_name: string
  layout: number
  /** Of the tables that it was made with; `null`: by a release before this list. */
  tables_sha256: string | null
  created_at: string
  built_at: string | null
  /** Read by the processes of releases with this layout that are not told another one. */
  chosen: boolean
}

/** Every read model of this database, in order. OperatorError where `migrate` of this release has not run. */
export async function listReadModels(knex: Knex): Promise<ReadModelVersion[]> {
  const { rows } = await knex
    .raw<{ rows: ReadModelVersion[] }>(
      `SELECT schema_name, layout, tables_sha256, chosen, ${rfc3339('created_at')}, ${rfc3339('built_at')}
         FROM ledger.read_models ORDER BY layout, read_models.created_at, schema_name`,
    )
    .catch((cause: unknown) => {
      if (!isSchemaGone(cause)) throw cause
      const run = `run "${ownCommand()} migrate" first`
      throw new OperatorError(`the database was not migrated for this release: ${run}`, { cause })
    })
  return rows
}

/** Every schema that has the tables of a read model, also where the list of them was lost. */
export function schemasOfReadModels(knex: Knex): Promise<string[]> {
  return schemasWith(knex, ['bearer_tokens', 'checkpoints'])
}

/** The same, of those that hold the names of people as this release writes them. */
export function schemasOfPeople(knex: Knex): Promise<string[]> {
  return schemasWith(knex, ['bearer_tokens', 'checkpoints', 'users'], 'personal_state')
}

/** Schemas with these tables, one of which has this column. */
async function schemasWith(knex: Knex, tables: string[], column?: string): Promise<string[]> {
  const { rows } = await knex.raw<{ rows: { name: string }[] }>(
    `SELECT n.nspname AS name
       FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid
       LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = ?
      WHERE c.relkind = 'r' AND c.relname = ANY (?)
      GROUP BY n.nspname HAVING count(*) = ? AND count(a.attname) = ? ORDER BY n.nspname`,
    [column ?? '', tables, tables.length, column === undefined ? 0 : 1],
  )
  return rows.map(({ name }) => name)
}

const rfc3339 = (column: string) =>
  `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS ${column}`

/** Whether the processes of this release can read it, once it is built. */
export function isReadable({ layout, tables_sha256 }: ReadModelVersion): boolean {
  return layout === LAYOUT && tables_sha256 === TABLES_SHA256
}

/**
 * The schema that a process of this release reads: `pinned` (LEDGER_READ_MODEL), else the chosen one of its layout.
 * OperatorError that says what to do where there is none.
 */
export async function readModelInUse(knex: Knex, pinned?: string): Promise<string> {
  const all = await listReadModels(knex)
  const readable = all.filter((one) => isReadable(one) && one.built_at !== null)
  const found = readable.find((one) => (pinned === undefined ? one.chosen : one.schema_name === pinned))
  if (found) return found.schema_name
  throw new OperatorError(pinned === undefined ? noneReadable(all) : notReadable(all, pinned))
}

const rebuilds = () => `"${ownCommand()} projection rebuild"`

function noneReadable(all: ReadModelVersion[]): string {
  const own = all.find(isReadable)
  if (own) return `read model ${own.schema_name} is not built to its end: ${rebuilds()} goes on with it`
  const others = all.map(({ schema_name, layout }) => `${schema_name} of layout ${layout}`)
  const there = others.length === 0 ? 'there is none' : `there is ${others.join(', ')}`
  return (
    `this release reads layout ${LAYOUT} of the read model, and ${there}: ${rebuilds()} builds it, ` +
    'and processes of a release before go on meanwhile'
  )
}

function notReadable(all: ReadModelVersion[], pinned: string): string {
  const named = all.find(({ schema_name }) => schema_name === pinned)
  if (!named) return `LEDGER_READ_MODEL: there is no read model ${pinned}: "${ownCommand()} migrate" makes it`
  if (isReadable(named)) return `LEDGER_READ_MODEL: ${pinned} is not built to its end: ${rebuilds()} goes on with it`
  const made = named.layout === LAYOUT ? 'made by another build of it' : `of layout ${named.layout}`
  return `LEDGER_READ_MODEL: this release reads layout ${LAYOUT}, and ${pinned} is ${made}`
}

/** The name of the next read model: `ledger_vN` for layout N, then `ledger_vN_2`, `ledger_vN_3` and so on. */
export function nextSchema(all: Pick<ReadModelVersion, 'schema_name'>[]): string {
  const taken = new Set(all.map(({ schema_name }) => schema_name))
  const first = `ledger_v${LAYOUT}`
  for (let n = 1; ; n++) {
    const name = n === 1 ? first : `${first}_${n}`
    if (!taken.has(name)) return name
  }
}

/** Notes that this schema has the tables of this release, and is to be built. */
export async function registerReadModel(knex: Knex, schema_name: string): Promise<void> {
  await knex.raw('INSERT INTO ledger.read_models (schema_name, layout, tables_sha256) VALUES (?, ?, ?)', [
    schema_name,
    LAYOUT,
    TABLES_SHA256,
  ])
}

/** From now on projectors keep it up; where no other of this layout that can be read is chosen, it is. */
export async function markBuilt(knex: Knex, schema_name: string): Promise<void> {
  await knex.transaction(async (tx) => {
    await tx.raw(
      `UPDATE ledger.read_models SET chosen = false
        WHERE layout = ? AND chosen AND tables_sha256 IS DISTINCT FROM ?`,
      [LAYOUT, TABLES_SHA256],
    )
    await tx.raw(
      `UPDATE ledger.read_models m SET built_at = coalesce(built_at, clock_timestamp()),
              chosen = NOT EXISTS (SELECT FROM ledger.read_models o
                                    WHERE o.layout = m.layout AND o.chosen AND o.schema_name <> m.schema_name)
        WHERE schema_name = ?`,
      [schema_name],
    )
  })
}

/** Processes of its layout that are not told another one read it from now on. */
export async function chooseReadModel(knex: Knex, schema_name: string): Promise<void> {
  await knex.transaction(async (tx) => {
    // First the others: two at once would be refused by the index.
    await tx.raw('UPDATE ledger.read_models SET chosen = false WHERE layout = ? AND chosen', [LAYOUT])
    await tx.raw('UPDATE ledger.read_models SET chosen = true WHERE schema_name = ?', [schema_name])
  })
}

/** No projector keeps it up any more. */
export async function unregisterReadModel(knex: Knex, schema_name: string): Promise<void> {
  await knex.raw('DELETE FROM ledger.read_models WHERE schema_name = ?', [schema_name])
}
