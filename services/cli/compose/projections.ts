import type { Knex } from 'knex'
import type { Logger } from 'pino'
import { onceAMinute } from '../../../shared/event-log/once-a-minute.ts'
import type { Announced } from '../../../shared/process/announce.ts'
import { repeat } from '../../../shared/process/repeat.ts'
import type { Runtime } from '../../../shared/process/runtime.ts'
import { isReadable, listReadModels } from '../../../shared/read-model/versions/read-models.ts'
import { type RunningProjector, runProjector } from '../../projector/main.ts'

const EVERY_MS = 1_000

/** What it takes to project: a runtime for each read model, and the place on the list of processes. */
export type Projecting = { knex: Knex; runtimeOn: (schema: string) => Runtime; announced: Announced; logger: Logger }

/**
 * Keeps up every read model of this release that is built, each with checkpoints and a group of its own, as long as it
 * is on the list. `ended` rejects when one that is still wanted ends by itself; resolves with the first look.
 */
export async function runProjections({ knex, runtimeOn, announced, logger }: Projecting): Promise<RunningProjector> {
  const running = new Map<string, RunningProjector>()
  const isItsTurn = onceAMinute()
  let isStarting = true
  let isStopping = false
  let fail: (reason: unknown) => void = () => undefined
  const ended = new Promise<never>((_resolve, reject) => (fail = reject))

  async function look(): Promise<void> {
    const all = await listReadModels(knex)
    const wanted = all.filter((one) => isReadable(one) && one.built_at !== null).map(({ schema_name }) => schema_name)
    const gone = [...running.keys()].filter((schema) => !wanted.includes(schema))
    const fresh = wanted.filter((schema) => !running.has(schema))
    if (gone.length + fresh.length === 0) return
    for (const schema of gone) await end(schema)
    await announced.tell({ projects: wanted })
    for (const schema of fresh) await begin(schema)
  }

  async function begin(schema: string): Promise<void> {
    const projector = await runProjector(runtimeOn(schema))
    running.set(schema, projector)
    projector.ended.catch((error: unknown) => running.get(schema) === projector && fail(error))
    logger[isStarting ? 'debug' : 'info']({ schema }, 'projecting')
  }

  async function end(schema: string): Promise<void> {
    const projector = running.get(schema)
    running.delete(schema)
    await projector?.stop()
    if (!isStopping) logger.info({ schema }, 'projecting no longer')
  }

  const tell = (error: unknown) => {
    if (isItsTurn(String(error))) logger.warn({ reason: String(error) }, 'the list of read models cannot be read')
  }
  await look()
  isStarting = false
  const looking = repeat(() => look().catch(tell), EVERY_MS)
  return {
    ended,
    stop: async () => {
      isStopping = true
      await looking.stop()
      await Promise.all([...running.keys()].map(end))
    },
  }
}
