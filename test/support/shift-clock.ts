import { databaseUrl } from './real-parts.ts'
import pg from 'pg'

type Teardown = Parameters<typeof databaseUrl>[0]

/** A database whose clock can be set. */
export type ShiftableDatabase = {
  url: string
  /** Sets its clock so many seconds ahead of the server's; below 0: behind. */
  shiftTo: (seconds: number) => Promise<void>
}

// In this one database `now()` and `clock_timestamp()` are functions of ours: the server's own go by another name.
const TAKE_OVER = `
  CREATE TABLE public.clock_shift (seconds float8 NOT NULL);
  INSERT INTO public.clock_shift VALUES (0);
  ALTER FUNCTION pg_catalog.now() RENAME TO servers_now;
  ALTER FUNCTION pg_catalog.clock_timestamp() RENAME TO servers_clock_timestamp;
  CREATE FUNCTION pg_catalog.now() RETURNS timestamptz LANGUAGE sql STABLE AS
    $$ SELECT pg_catalog.servers_now() + seconds * interval '1 s' FROM public.clock_shift $$;
  CREATE FUNCTION pg_catalog.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS
    $$ SELECT pg_catalog.servers_clock_timestamp() + seconds * interval '1 s' FROM public.clock_shift $$`

/**
 * A new empty database on the real PostgreSQL whose clock can be set, for every process that opens it. Its catalog is
 * its own: other databases of the server go on with theirs.
 */
export async function shiftableDatabase(t: Teardown): Promise<ShiftableDatabase> {
  const url = await databaseUrl(t)
  const client = new pg.Client({ connectionString: url })
  // It ends with its database.
  client.on('error', () => undefined)
  await client.connect()
  t.teardown(() => client.end())
  await client.query(TAKE_OVER)
  return {
    url,
    shiftTo: async (seconds) => void (await client.query('UPDATE public.clock_shift SET seconds = $1', [seconds])),
  }
}
