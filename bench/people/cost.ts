import { randomUUID } from 'node:crypto'
import { v7 as uuidv7 } from 'uuid'
import { envelop, outgoing } from '../../shared/event-log/event-codec.ts'
import { fillReadModel } from '../../shared/read-model/projection/rebuild.ts'
import { createReadModel } from '../../shared/read-model/versions/build.ts'
import type { PlainUser, User } from '../../shared/ledger/user.ts'
import type { Runtime } from '../../shared/process/runtime.ts'
import type { Side } from './side.ts'

/** What two sides take of one thing, in pairs that follow each other: medians, and the median of the ratios. */
export type Ratio = { before: number; now: number; ratio: number }

const CONCURRENCY = 8
const OPERATIONS = 200

/** Operations a second of both releases, in turn; `ratio`: how much more one costs now. */
export async function costOf(
  sides: { before: Side; now: Side },
  pairs: number,
): Promise<{ create: Ratio; refresh: Ratio; check: Ratio }> {
  const work = { before: await prepared(sides.before), now: await prepared(sides.now) }
  const of = (what: 'create' | 'refresh' | 'check') =>
    inPairs(
      pairs,
      () => rateOf(work.before[what]),
      () => rateOf(work.now[what]),
    )
  return { create: await of('create'), refresh: await of('refresh'), check: await of('check') }
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

async function rateOf(operation: (lane: number) => Promise<void>): Promise<number> {
  const began = performance.now()
  const lane = async (at: number) => {
    for (let n = 0; n < OPERATIONS / CONCURRENCY; n++) await operation(at)
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, (_, at) => lane(at)))
  return (1000 * OPERATIONS) / (performance.now() - began)
}

/** The first pair warms both up, and does not count. Which side is first alternates. */
async function inPairs(pairs: number, before: () => Promise<number>, now: () => Promise<number>): Promise<Ratio> {
  const found: Ratio[] = []
  for (let n = 0; n <= pairs; n++) {
    const pair = n % 2 ? { now: await now(), before: await before() } : { before: await before(), now: await now() }
    if (n > 0) found.push({ ...pair, ratio: pair.before / pair.now })
    process.stderr.write(`  ${pair.before.toFixed(0)} ${pair.now.toFixed(0)}\n`)
  }
  const of = (member: keyof Ratio) => median(found.map((one) => one[member]))
  return { before: of('before'), now: of('now'), ratio: of('ratio') }
}

export function median(values: number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}

/**
 * Users a second that a read model is built with, from a log of plain and one of sealed users; `ratio`: how much longer
 * the sealed ones take. The same code as the projector's: read, load, unwrap, open, fold, write.
 */
export async function foldRate(
  runtimes: { plain: Runtime; sealed: Runtime },
  users: number,
  pairs: number,
): Promise<Ratio> {
  const { plain, sealed } = runtimes
  const people = Array.from({ length: users }, (_, n) => personOf(`fold-${n}`))
  await appendUsers(plain, people)
  await appendUsers(sealed, await inBatches(people, (user) => sealed.people.seal(user), SEALED_AT_ONCE))
  return inPairs(
    pairs,
    () => built(plain, users),
    () => built(sealed, users),
  )
}

async function built({ knex, ...source }: Runtime, users: number): Promise<number> {
  const schema = `bench_${uuidv7().replaceAll('-', '')}`
  await createReadModel(knex, schema)
  const began = performance.now()
  await fillReadModel({ ...source, knex, schema }, { lanes: 1 })
  const rate = (1000 * users) / (performance.now() - began)
  await knex.raw(`DROP SCHEMA ${schema} CASCADE`)
  await knex.raw('DELETE FROM ledger.read_models WHERE schema_name = ?', [schema])
  return rate
}

export function personOf(sub: string): PlainUser {
  const personal = { username: `${sub}.name`, name: `Name of ${sub}`, email: `${sub}@people.example` }
  return { sub, groups: [], enabled: true, personal }
}

const AT_ONCE = 2_000
/** Each takes a connection. */
const SEALED_AT_ONCE = 10

/** Appends users as they are, new ones. */
export async function appendUsers({ log, topics, settings }: Runtime, users: User[]): Promise<void> {
  await inBatches(users, (user) => {
    const fact = { type: 'UserPut' as const, data: { revision: 1, user } }
    return log.append(outgoing(envelop(fact, settings.ISSUER, { actor: 'system/bench' }, Date.now()), topics))
  })
}

export async function inBatches<Of, To>(all: Of[], work: (one: Of) => Promise<To>, atOnce = AT_ONCE): Promise<To[]> {
  const done: To[] = []
  for (let from = 0; from < all.length; from += atOnce)
    done.push(...(await Promise.all(all.slice(from, from + atOnce).map(work))))
  return done
}
