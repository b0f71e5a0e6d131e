import { randomUUID } from 'node:crypto'
import pg from 'pg'

/** The limit of the read model: the same two upserts a refresh through pg alone, one transaction a batch. */
type Order = { url: string; batch: number; measureMs: number }

process.on('message', (order: Order) => void run(order).then((result) => process.send?.(result)))

const UPSERT = `
WITH made AS (
  INSERT INTO bench_tokens SELECT grant_id, $2, gen_random_uuid()::text, 1, 'orders.read', now(), 1, 2, now() FROM unnest($1::uuid[]) AS t(grant_id))
INSERT INTO bench_grants SELECT grant_id, $2, now() FROM unnest($1::uuid[]) AS t(grant_id)
ON CONFLICT (grant_id) DO UPDATE SET generation = excluded.generation, at = excluded.at`

async function run({ url, batch, measureMs }: Order): Promise<{ records: number; seconds: number }> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(`
    CREATE TABLE IF NOT EXISTS bench_grants (grant_id uuid PRIMARY KEY, generation int, at timestamptz) WITH (fillfactor = 70);
    CREATE TABLE IF NOT EXISTS bench_tokens (grant_id uuid, generation int, event_id text, kid smallint, scope text,
      at timestamptz, iat bigint, exp bigint, projected_at timestamptz, PRIMARY KEY (grant_id, generation))`)
  const grants = Array.from({ length: batch }, () => randomUUID())
  let generation = 0
  const write = async () => {
    generation++
    await client.query('BEGIN')
    await client.query({ name: 'upsert', text: UPSERT, values: [grants, generation] })
    await client.query('COMMIT')
  }
  await repeat(write, measureMs / 3)
  const rounds = await repeat(write, measureMs)
  await client.end()
  return { records: rounds * batch, seconds: measureMs / 1000 }
}

async function repeat(work: () => Promise<unknown>, ms: number): Promise<number> {
  const until = performance.now() + ms
  let rounds = 0
  for (; performance.now() < until; rounds++) await work()
  return rounds
}
