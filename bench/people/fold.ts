import { v7 as uuidv7 } from 'uuid'
import {
  appendUsers,
  inBatches,
  inPairs,
  personOf,
  type Ratio,
  ratiosOf,
  SEALED_AT_ONCE,
  take,
  type Taken,
} from './cost.ts'
import type { Opened } from './release.ts'

/** Ledgers with users in clear and sealed, of this release; and in clear, of the release before. */
export type Folding = { plain: Opened; sealed: Opened; before: Opened | null }

/**
 * What it takes to fold a user into a read model: sealed users beside plain ones, and beside plain ones in the release
 * before. The same code as the projector's: read, load, unwrap, open, fold, write.
 */
export async function foldCost(
  { plain, sealed, before }: Folding,
  users: number,
  pairs: number,
): Promise<Record<string, Ratio>> {
  const people = Array.from({ length: users }, (_, n) => personOf(`fold-${n}`))
  await appendUsers(plain.runtime, people)
  if (before) await appendUsers(before.runtime, people)
  const { runtime } = sealed
  await appendUsers(runtime, await inBatches(people, (user) => runtime.people.seal(user), SEALED_AT_ONCE))
  const beside = async (other: Opened) => {
    return inPairs(
      pairs,
      () => built(other, users),
      () => built(sealed, users),
    )
  }
  const costs = ratiosOf('fold of a user, plain and sealed', await beside(plain))
  return before ? { ...costs, ...ratiosOf('fold of a user, before and now', await beside(before)) } : costs
}

async function built({ runtime, createReadModel, fillReadModel }: Opened, users: number): Promise<Taken> {
  const { knex, settings, ...source } = runtime
  const schema = `bench_${uuidv7().replaceAll('-', '')}`
  await createReadModel(knex, schema)
  const place = { pid: process.pid, databaseUrl: settings.DATABASE_URL ?? '' }
  const taken = await take(place, users, () => fillReadModel({ ...source, knex, schema }, { lanes: 1 }))
  await knex.raw(`DROP SCHEMA ${schema} CASCADE`)
  await knex.raw('DELETE FROM ledger.read_models WHERE schema_name = ?', [schema])
  return taken
}
