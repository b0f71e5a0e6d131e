import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { Knex } from 'knex'
import { type ProcessFacts, putProcess, removeProcess } from '../read-model/versions/processes.ts'
import { repeat } from './repeat.ts'
import { VERSION } from './version.ts'

const EVERY_MS = 2_000

export type Announced = {
  /** What this process tells of itself now. */
  facts: () => ProcessFacts
  /** Tells a change at once. */
  tell: (change: Partial<Pick<ProcessFacts, 'reads' | 'projects'>>) => Promise<void>
  stop: () => Promise<void>
}

/** What tells this process from others. */
export function ownFacts(
  services: readonly string[],
  { pinned = false, reads = null as string | null } = {},
): ProcessFacts {
  const { pid } = process
  const facts = { process_id: randomUUID(), host: hostname(), pid, release: VERSION, reads, pinned, projects: [] }
  return { ...facts, services: [...services] }
}

/**
 * Keeps this process on the list of those that use a read model, until it is stopped. A database that does not answer
 * is somebody else's to report.
 */
export async function announce(knex: Knex, own: ProcessFacts): Promise<Announced> {
  let facts = own
  await putProcess(knex, facts)
  const beat = repeat(() => putProcess(knex, facts).catch(() => undefined), EVERY_MS)
  return {
    facts: () => facts,
    tell: async (change) => {
      facts = { ...facts, ...change }
      await putProcess(knex, facts).catch(() => undefined)
    },
    stop: async () => {
      await beat.stop()
      await removeProcess(knex, facts.process_id).catch(() => undefined)
    },
  }
}
