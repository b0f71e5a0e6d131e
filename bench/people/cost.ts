import { randomUUID } from 'node:crypto'
import { envelop, outgoing } from '../../shared/event-log/event-codec.ts'
import type { PlainUser, User } from '../../shared/ledger/user.ts'
import type { Runtime } from '../../shared/process/runtime.ts'
import { cpuBetween, cpuOf } from '../cpu.ts'
import type { Side } from './side.ts'

/** What two sides take of one thing, in pairs that follow each other: medians, and the median of the ratios. */
export type Ratio = { before: number; now: number; ratio: number }

/** µs for one of many: by the clock, and of CPU (user and system) in the process that is asked and in its database. */
export type Taken = { wall: number; own: number; database: number }

const CONCURRENCY = 8
const OPERATIONS = 800

/** What an operation takes in both releases, in turn. */
export async function costOf(sides: { before: Side; now: Side }, pairs: number): Promise<Record<string, Ratio>> {
  const work = { before: await prepared(sides.before), now: await prepared(sides.now) }
  const costs: Record<string, Ratio> = {}
  for (const what of ['create', 'refresh', 'check'] as const) {
    const found = await inPairs(
      pairs,
      () => take(sides.before, OPERATIONS, () => inLanes(work.before[what])),
      () => take(sides.now, OPERATIONS, () => inLanes(work.now[what])),
    )
    Object.assign(costs, ratiosOf(`${what}, 8 at once`, found))
  }
  return costs
}

async function prepared(side: Side) {
  const subs = Array.from({ length: CONCURRENCY }, () => randomUUID())
  const tokens = await Promise.all(
    subs.map(async (sub) => {
      await side.createUser(sub)
      return side.grant(sub)
    }),
  )
  const at = (lane: number) => tokens[lane] ?? { access_token: '', refresh_token: '' }
  return {
    create: () => side.createUser(randomUUID()),
    refresh: async (lane: number) => {
      at(lane).refresh_token = await side.refresh(at(lane).refresh_token)
    },
    check: (lane: number) => side.check(at(lane).access_token),
  }
}

async function inLanes(operation: (lane: number) => Promise<void>): Promise<void> {
  const lane = async (at: number) => {
    for (let n = 0; n < OPERATIONS / CONCURRENCY; n++) await operation(at)
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, (_, at) => lane(at)))
}

/** What each of `count` takes, which are done by this process and in this database. */
export async function take(
  { pid, databaseUrl }: { pid: number; databaseUrl: string },
  count: number,
  work: () => Promise<void>,
): Promise<Taken> {
  const before = { own: await cpuOf({ pid }), database: await cpuOf({ databaseUrl }) }
  const began = performance.now()
  await work()
  const wall = (performance.now() - began) / 1000
  const own = cpuBetween(before.own, await cpuOf({ pid }))
  const database = cpuBetween(before.database, await cpuOf({ databaseUrl }))
  const each = (seconds: number) => (1_000_000 * seconds) / count
  return { wall: each(wall), own: each(own), database: each(database) }
}

type Pair = { before: Taken; now: Taken }

/** The first pair warms both up, and does not count. Which side is first alternates. */
export async function inPairs(pairs: number, before: () => Promise<Taken>, now: () => Promise<Taken>): Promise<Pair[]> {
  const found: Pair[] = []
  for (let n = 0; n <= pairs; n++) {
    const pair = n % 2 ? { now: await now(), before: await before() } : { before: await before(), now: await now() }
    if (n > 0) found.push(pair)
    const text = ({ wall, own, database }: Taken) => [wall, own, database].map((us) => us.toFixed(0)).join('/')
    process.stderr.write(`  ${text(pair.before)} ${text(pair.now)}\n`)
  }
  return found
}

/** The rows of a report. */
export function ratiosOf(what: string, pairs: Pair[]): Record<string, Ratio> {
  const of = (us: (taken: Taken) => number): Ratio => ({
    before: median(pairs.map(({ before }) => us(before))),
    now: median(pairs.map(({ now }) => us(now))),
    ratio: median(pairs.map(({ before, now }) => us(now) / us(before))),
  })
  return {
    [`${what}: µs by the clock`]: of(({ wall }) => wall),
    [`${what}: µs of CPU, all`]: of(({ own, database }) => own + database),
    [`${what}: µs of CPU, ours`]: of(({ own }) => own),
    [`${what}: µs of CPU, database`]: of(({ database }) => database),
  }
}

export function median(values: number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}

export function personOf(sub: string): PlainUser {
  const personal = { username: `${sub}.name`, name: `Name of ${sub}`, email: `${sub}@people.example` }
  return { sub, groups: [], enabled: true, personal }
}

const AT_ONCE = 2_000
/** Appends users as they are, new ones. */
export async function appendUsers({ log, topics, settings }: Runtime, users: User[]): Promise<void> {
  await inBatches(users, (user) => {
    const fact = { type: 'UserPut' as const, data: { revision: 1, user } }
    return log.append(outgoing(envelop(fact, settings.ISSUER, { actor: 'system/bench' }, Date.now()), topics))
  })
}

/** Each asks the database for the key of names: no more than it has connections for. */
export const SEALED_AT_ONCE = 10

export async function inBatches<Of, To>(all: Of[], work: (one: Of) => Promise<To>, atOnce = AT_ONCE): Promise<To[]> {
  const done: To[] = []
  for (let from = 0; from < all.length; from += atOnce)
    done.push(...(await Promise.all(all.slice(from, from + atOnce).map(work))))
  return done
}
