import type { Logger } from 'pino'
import { Unsettled } from '../unsettled.ts'

/**
 * The three clocks that a token depends on: this process's dates its first event, the log's counts its lifetime, the
 * database's judges it.
 */
export type ClockName = 'process' | 'log' | 'database'

/** Two clocks that are surely `ms` apart, or more: what the network took is not counted. */
export type Skew = { between: readonly [ClockName, ClockName]; ms: number }

export type Clocks = {
  /** Each read tells the database's time, in ms; `sentAt`: this process's `performance.now()` before it was asked. */
  database(time: number, sentAt: number): void
  /** Each append tells the log's. */
  log(time: number, sentAt: number): void
  /** How far apart they are, as far as it is known. */
  skews(): Skew[]
  /** The clocks that are further apart than they may be, in words for the operator. */
  problems(): string[]
  /** Unsettled while two of them are more than 60 s apart: what is made then may be void, dead, or live too long. */
  requireTogether(): void
}

/** The fold takes no first event whose writer's clock and the log's differ by more; so no setting. */
export const MAX_APART_MS = 60_000

/** Nobody can ask for the log's time but by an append: what the last one told counts this long, then one tells anew. */
const LOG_COUNTS_MS = 30_000

const PAIRS = [
  ['process', 'log'],
  ['process', 'database'],
  ['log', 'database'],
] as const satisfies Skew['between'][]

/** By how much a clock leads this process's monotonic one: between `least` and `most`. */
type Lead = { least: number; most: number; seenAt: number }

type Own = { monotonic: () => number; wall: () => number }

/**
 * Compares the clocks against the one that nobody can set, this process's monotonic clock. Alarms once for each change,
 * not for each request.
 */
export function createClocks({
  maxSkewMs,
  logger,
  own = { monotonic: () => performance.now(), wall: () => Date.now() },
}: {
  maxSkewMs: number
  logger: Logger
  own?: Own
}): Clocks {
  const leads: { log?: Lead; database?: Lead } = {}
  const alarm = skewAlarm(logger, maxSkewMs)

  function leadOf(name: ClockName): Lead | undefined {
    if (name !== 'process') return leads[name]
    const seenAt = own.monotonic()
    const lead = own.wall() - seenAt
    return { least: lead, most: lead, seenAt }
  }

  function see(name: 'log' | 'database', time: number, sentAt: number): void {
    const seenAt = own.monotonic()
    // The clock was read somewhere between asking and now.
    leads[name] = { least: time - seenAt, most: time - sentAt, seenAt }
    alarm(all())
  }

  function all(): Skew[] {
    return PAIRS.flatMap((between) => {
      const [a, b] = [leadOf(between[0]), leadOf(between[1])]
      return a && b ? [{ between, ms: apart(a, b) }] : []
    })
  }

  function skews(): Skew[] {
    const logCounts = leads.log !== undefined && own.monotonic() - leads.log.seenAt <= LOG_COUNTS_MS
    return all().filter(({ between }) => logCounts || !between.includes('log'))
  }

  return {
    database: (time, sentAt) => see('database', time, sentAt),
    log: (time, sentAt) => see('log', time, sentAt),
    skews,
    problems: () =>
      skews()
        .filter(({ ms }) => ms > maxSkewMs)
        .map(inWords),
    requireTogether: () => {
      const worst = skews().find(({ ms }) => ms > MAX_APART_MS)
      if (worst) throw new Unsettled(inWords(worst))
    },
  }
}

function apart(a: Lead, b: Lead): number {
  return Math.round(Math.max(0, a.least - b.most, b.least - a.most))
}

function inWords({ between: [a, b], ms }: Skew): string {
  return `the clocks of ${a} and ${b} are ${ms} ms apart`
}

/** One line when two clocks come apart, more than allowed or more than 60 s, and one when they agree again. */
function skewAlarm(logger: Logger, maxSkewMs: number): (skews: Skew[]) => void {
  const limits = [maxSkewMs, Math.max(maxSkewMs, MAX_APART_MS)]
  const told = new Map<string, number>()
  return (skews) => {
    for (const skew of skews) {
      const name = skew.between.join(' and ')
      const before = told.get(name) ?? 0
      const level = levelOf(skew.ms, before, limits)
      if (level === before) continue
      told.set(name, level)
      if (level > 0) logger.error({ alarm: 'clock_skew', clocks: name, ms: skew.ms }, inWords(skew))
      else logger.info({ clocks: name, ms: skew.ms }, 'these clocks agree again')
    }
  }
}

/** How many limits are passed. One that was passed counts until the skew is half of it: no line for each wobble. */
function levelOf(ms: number, before: number, limits: number[]): number {
  return limits.filter((limit, i) => ms > limit || (i < before && ms > limit / 2)).length
}
