import { v7 as uuidv7 } from 'uuid'
import { fillReadModel } from '../../shared/read-model/projection/rebuild.ts'
import { createReadModel } from '../../shared/read-model/versions/build.ts'
import type { Runtime } from '../../shared/process/runtime.ts'
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

/**
 * What it takes to fold a user into a read model, from a log of plain (`before`) and one of sealed users (`now`). The
 * same code as the projector's: read, load, unwrap, open, fold, write.
 */
export async function foldCost(
  { plain, sealed }: { plain: Runtime; sealed: Runtime },
  users: number,
  pairs: number,
): Promise<Record<string, Ratio>> {
  const people = Array.from({ length: users }, (_, n) => personOf(`fold-${n}`))
  await appendUsers(plain, people)
  await appendUsers(sealed, await inBatches(people, (user) => sealed.people.seal(user), SEALED_AT_ONCE))
  const found = await inPairs(
    pairs,
    () => built(plain, users),
    () => built(sealed, users),
  )
  return ratiosOf('fold of a user', found)
}

async function built({ knex, settings, ...source }: Runtime, users: number): Promise<Taken> {
  const schema = `bench_${uuidv7().replaceAll('-', '')}`
  await createReadModel(knex, schema)
  const place = { pid: process.pid, databaseUrl: settings.DATABASE_URL ?? '' }
  const taken = await take(place, users, () => fillReadModel({ ...source, knex, schema }, { lanes: 1 }))
  await knex.raw(`DROP SCHEMA ${schema} CASCADE`)
  await knex.raw('DELETE FROM ledger.read_models WHERE schema_name = ?', [schema])
  return taken
}
