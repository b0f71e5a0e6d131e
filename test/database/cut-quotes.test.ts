import { inspect } from 'node:util'
import type { Knex } from 'knex'
import { openEmbedded, openPostgres } from '../../shared/database/open-database.ts'
import { seeded } from '../support/kept-logs.ts'
import { databaseUrl, realTest } from '../support/real-parts.ts'

const test = realTest('postgres')

const NAME = 'Ada Augusta King'

const raising = (name: string, message: string, using: string) => `
  CREATE FUNCTION public.${name}() RETURNS void LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION '${message}' USING ${using}; END $$`

const MADE = `
  CREATE TABLE public.people (id int PRIMARY KEY, name text UNIQUE CHECK (name <> '${NAME}!'));
  INSERT INTO public.people VALUES (1, '${NAME}');
  ${raising('refuse', `not ${NAME}`, "ERRCODE = 'P0001'")};
  ${raising('wait', 'not now', `ERRCODE = '55P03', DETAIL = '${NAME}'`)}`

/** What PostgreSQL refuses, and says the name in message, DETAIL or CONTEXT, or knex in the statement. */
const REFUSED: [code: string, sql: string, ...bindings: string[]][] = [
  ['23505', 'INSERT INTO public.people VALUES (2, ?)', NAME],
  ['23514', 'INSERT INTO public.people VALUES (2, ?)', `${NAME}!`],
  ['23502', 'INSERT INTO public.people VALUES (NULL, ?)', NAME],
  ['22P02', 'SELECT ?::text::int', NAME],
  ['22P02', 'SELECT ?::json', `{"name": ${NAME}}`],
  ['22007', 'SELECT ?::text::timestamptz', NAME],
  ['22021', 'SELECT ?::text', `${NAME}\0`],
  ['42P01', 'SELECT ?::text FROM nobody', NAME],
  ['42P01', `SELECT '{}'::jsonb \\? 'a', ?::text FROM nobody`, NAME],
  ['P0001', 'SELECT public.refuse()'],
  ['55P03', 'SELECT public.wait()'],
]

async function refusals(knex: Knex, kind: string) {
  await knex.raw(MADE)
  return Promise.all(
    REFUSED.flatMap(([code, sql, ...bindings]) => {
      const run = (on: Knex) =>
        on.raw(sql, bindings).then(
          () => new Error('taken'),
          (error: unknown) => error,
        )
      const within = () => knex.transaction((tx) => run(tx).then((error) => Promise.reject(error as Error)))
      return [
        run(knex).then((error) => ({ error, code, what: `${kind}: ${sql}` })),
        within().catch((error: unknown) => ({ error, code, what: `${kind}, in a transaction: ${sql}` })),
      ]
    }),
  )
}

test('traps-running 21: no error of the database has a row, a parameter or a statement with a name in it', async (t) => {
  seeded(NAME)
  const knex = openPostgres({ connectionString: await databaseUrl(t) }, { pool: 4, queryTimeoutMs: 20_000 })
  t.teardown(() => knex.destroy())
  const embedded = await openEmbedded(null)
  t.teardown(() => embedded.close())
  for (const { error, code, what } of [
    ...(await refusals(knex, 'PostgreSQL')),
    ...(await refusals(embedded.knex, 'embedded')),
  ]) {
    t.like(error, { code }, what)
    t.notRegex(`${inspect(error, { depth: 9 })} ${JSON.stringify(error)} ${String(error)}`, /Augusta/, what)
  }
})

test('traps-running 21: nor has a statement that ran too long, or whose connection broke', async (t) => {
  const knex = openPostgres({ connectionString: await databaseUrl(t) }, { pool: 2, queryTimeoutMs: 300 })
  t.teardown(() => knex.destroy())
  for (const wait of ['pg_sleep(3)', 'pg_terminate_backend(pg_backend_pid())']) {
    const error = await t.throwsAsync(async () => void (await knex.raw(`SELECT ?::text, ${wait}`, [NAME])))
    t.notRegex(`${inspect(error, { depth: 9 })} ${JSON.stringify(error)}`, /Augusta/, wait)
  }
})
