import type { Knex } from 'knex'
import { walkLog } from '../../../shared/event-log/fold-log.ts'
import { registryPlace } from '../../../shared/event-log/places.ts'
import { isSamePlace } from '../../../shared/event-log/places.ts'
import { createCheckpoints, loadCheckpoints } from '../../../shared/read-model/checkpoints.ts'
import { project } from '../../../shared/read-model/projection/project.ts'
import { createReadModel } from '../../../shared/read-model/versions/build.ts'
import { seeded } from '../../support/kept-logs.ts'
import { NO_SKIPS } from '../../support/skipping.ts'
import type { Runtime } from '../../../shared/process/runtime.ts'
import type { Ledger } from '../ledger.ts'

export const ADA = { username: 'Ada.Lovelace', name: 'Ada Augusta King', email: 'ada@people.example' }
export const NAMES = /lovelace|augusta|ada@people/i
export const SUB = '0198c0de-aaaa-7000-8000-000000000001'

/** Tells the search through all logs of the run whom to look for. */
export function seedNames(): void {
  seeded(ADA.username, ADA.name, ADA.email)
}

type Sending = Pick<Ledger, 'send' | 'root'>

/** Puts a new user. */
export function putNew({ send, root: token }: Sending, body: object = ADA, sub = SUB) {
  return send('PUT', `/admin/users/${sub}`, { token, body, headers: { 'if-none-match': '*' } })
}

export function forget({ send, root: token }: Sending, sub = SUB) {
  return send('POST', `/admin/users/${sub}/forget`, { token, body: { reason: 'asked for it' } })
}

export type Shown = { sub: string; username: string | null; personal_state: string | null }

/** What a read model shows of its users. */
export async function shownIn(knex: Knex, schema: string): Promise<Shown[]> {
  const { rows } = await knex.raw<{ rows: Shown[] }>(
    `SELECT sub, username, personal_state FROM ${schema}.users ORDER BY sub`,
  )
  return rows
}

/** Another read model on the list, with nothing in it, that no projector keeps up: as if its projector was dead. */
export async function emptyBeside(runtime: Runtime, schema: string): Promise<Runtime> {
  const { knex, log, topics } = runtime
  const beside = { ...runtime, schema }
  await createReadModel(knex, schema)
  await createCheckpoints(beside, await log.bounds([topics.registry, topics.grants]))
  return beside
}

/** Folds the rest of the registry, as a projector does; `over`: with parts that a test has changed. */
export async function foldRegistry(runtime: Runtime, over: Partial<Pick<Runtime, 'knex' | 'people'>> = {}) {
  const { log, topics } = runtime
  const place = registryPlace(topics)
  const checkpoints = await loadCheckpoints(runtime, [place.topic])
  const checkpoint = checkpoints.find((one) => isSamePlace(one, place))
  const [bound] = await log.bounds([place.topic])
  if (!checkpoint || !bound) throw new Error('there is no registry')
  const range = { ...place, from: checkpoint.next, to: bound.end }
  for await (const step of walkLog(log, range, { skips: NO_SKIPS }, checkpoint))
    await project({ ...runtime, ...over }, [step])
}
