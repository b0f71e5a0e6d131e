import pino from 'pino'
import { verify } from '../../services/audit/verify/verify.ts'
import { giveWay } from '../../services/audit/worker/give-way.ts'
import { createGrantStates } from '../../services/audit/spill/grant-states.ts'
import { loadSettings } from '../../shared/config/load-settings.ts'
import type { Settings } from '../../shared/config/settings.ts'
import { peopleOf } from '../../shared/process/soundness/held-people.ts'
import { foldLog, walkLog } from '../../shared/event-log/fold-log.ts'
import { readSkips } from '../../shared/event-log/skips.ts'
import { readModelInUse } from '../../shared/read-model/versions/read-models.ts'
import { openParts, type Parts } from '../../shared/process/open-parts.ts'

/**
 * An auditor in a process of its own: folds the log and nothing else, or verifies the read model against it, again and
 * again until the time is over.
 */
export type AuditOrder = { env: Record<string, string>; what: 'fold' | 'verify'; ms: number }

export type Audited = { events: number; seconds: number; rounds: number; peakMb: number }

process.on('message', (order: AuditOrder) => void run(order).then((result) => process.send?.(result)))

async function run({ env, what, ms }: AuditOrder): Promise<Audited> {
  await giveWay()
  const settings = loadSettings(env, 'none')
  const parts = await openParts(settings, pino({ level: 'silent' }))
  let peak = 0
  const timer = setInterval(() => (peak = Math.max(peak, process.memoryUsage.rss())), 100)
  const audited = { events: 0, seconds: 0, rounds: 0, peakMb: 0 }
  const started = performance.now()
  do {
    audited.events += what === 'fold' ? await fold(parts) : await verified(parts, settings)
    audited.rounds++
  } while (performance.now() - started < ms)
  audited.seconds = (performance.now() - started) / 1000
  clearInterval(timer)
  await parts.close()
  return { ...audited, peakMb: peak / 1e6 }
}

async function verified(parts: Parts, settings: Settings): Promise<number> {
  const schema = await readModelInUse(parts.knex, settings.READ_MODEL)
  const people = await peopleOf(parts.knex, settings)
  const { difference, partitions } = await verify({ ...parts, schema, people })
  if (difference) throw new Error(`the read model differs: ${JSON.stringify(difference)}`)
  return partitions.reduce((sum, { records }) => sum + records, 0)
}

async function fold({ log, topics }: Parts): Promise<number> {
  const skips = await readSkips(log, topics)
  let events = 0
  for (const { topic, partition, end } of await log.bounds([topics.registry, topics.grants])) {
    const states = createGrantStates()
    const walked = walkLog(log, { topic, partition, from: 0, to: end }, { skips })
    for await (const { judged } of foldLog(walked, states)) events += judged.length
    states.close()
  }
  return events
}
