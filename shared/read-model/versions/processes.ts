import type { Knex } from 'knex'
import { epochMs } from '../../database/epoch-ms.ts'

/** Longer than this unseen, a process counts as gone. */
export const GONE_MS = 15_000

/** The same for people. */
export const GONE_AFTER = `${GONE_MS / 1000} s`

/** What a process tells of itself. `pinned`: LEDGER_READ_MODEL says what it reads, so that it follows no switch. */
export type ProcessFacts = {
  process_id: string
  host: string
  pid: number
  services: string[]
  release: string
  /** The schema that it reads; `null` = it only makes one. */
  reads: string | null
  pinned: boolean
  /** The schemas that it keeps up, or makes. */
  projects: string[]
}

/** A process that was seen lately, `seen_ms` ago. */
export type ListedProcess = ProcessFacts & { seen_ms: number }

/** Tells that this process lives, and what it reads and projects; those that are long gone are taken out. */
export async function putProcess(knex: Knex, facts: ProcessFacts): Promise<void> {
  const { process_id, host, pid, services, release, reads, pinned, projects } = facts
  await knex.raw(
    `WITH gone AS (
       DELETE FROM ledger.processes WHERE seen_at < clock_timestamp() - interval '1 hour' AND process_id <> ?)
     INSERT INTO ledger.processes (process_id, host, pid, services, release, reads, pinned, projects)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (process_id) DO UPDATE SET reads = excluded.reads, projects = excluded.projects,
            seen_at = clock_timestamp()`,
    [process_id, process_id, host, pid, services, release, reads, pinned, projects],
  )
}

/** Takes this process off the list. */
export async function removeProcess(knex: Knex, process_id: string): Promise<void> {
  await knex.raw('DELETE FROM ledger.processes WHERE process_id = ?', [process_id])
}

/** The processes that live, as far as they were seen lately. */
export async function listProcesses(knex: Knex): Promise<ListedProcess[]> {
  const { rows } = await knex.raw<{ rows: ListedProcess[] }>(
    `SELECT process_id, host, pid, services, release, reads, pinned, projects,
            ${epochMs('clock_timestamp()')} - ${epochMs('seen_at')} AS seen_ms
       FROM ledger.processes WHERE seen_at > clock_timestamp() - make_interval(secs => ?)
      ORDER BY host, pid, process_id`,
    [GONE_MS / 1000],
  )
  return rows
}

/** Those of these that read another read model than this, and may follow a switch. */
export function behind(processes: ListedProcess[], schema: string): ListedProcess[] {
  return processes.filter(({ reads, pinned }) => reads !== null && reads !== schema && !pinned)
}

/** How a person finds it. */
export function processText({ host, pid, services }: ProcessFacts): string {
  return `${services.join(' ')} (process ${pid} on ${host})`
}
