import { v4 as uuid } from 'uuid'
import { z } from 'zod'
import { verify } from '../../../services/audit/verify/verify.ts'
import { envelop, outgoing } from '../../../shared/event-log/event-codec.ts'
import { EVENT_DATA } from '../../../shared/event-log/event-schemas.ts'
import type { EventType, Fact } from '../../../shared/ledger/events.ts'
import { loadCheckpoints } from '../../../shared/read-model/checkpoints.ts'
import { ISSUER, startLedger, type TestLedger } from '../../support/ledger.ts'
import { realTest } from '../../support/real-parts.ts'
import { until } from '../../support/waiting.ts'

const test = realTest('postgres')

type Data = Record<string, unknown>

/** Text that PostgreSQL, JSON, arrays of SQL or a log on a screen could take for something else. */
const TEXTS = [
  '\u{10ffff}',
  '\u0001\u007f\u2028\u202e',
  `'; $1 ? "\\`,
  '{NULL,"a"}',
  'NULL',
  '\\x00',
  ' é é ',
  'ab'.repeat(20_000),
]

/** Members that no schema knows, under names of columns. */
const UNKNOWN = {
  at: 'never',
  deleted: 'perhaps',
  last_offset: 2 ** 53,
  revision: -1,
  enabled: [],
  groups: 'all',
  sub: {},
}

test('every extreme that the schema of an event lets in can be folded, and every partition goes on', async (t) => {
  const ledger = await startLedger(t)
  const facts = Object.keys(EVENT_DATA).flatMap((type) => factsOf(type as EventType))
  t.true(facts.length > 700, String(facts.length))
  await Promise.all(facts.map((chain) => appendAll(ledger, chain)))
  await until(() => isThrough(ledger), 'the end, or a stop')
  const stopped = (await checkpoints(ledger)).filter(({ status }) => status !== 'ok')
  t.deepEqual(
    stopped.map(({ status_reason }) => status_reason),
    [],
  )
  const { equal, difference } = await verify(ledger.runtime)
  t.true(equal, JSON.stringify(difference)?.slice(0, 2_000))
})

/** For each extreme of this event the facts of a life of its own, in which it counts where it can. */
function factsOf(type: EventType): Fact[][] {
  const made = extremesOf(EVENT_DATA[type]) as Data[]
  return made.map((data) => {
    const before = beforehand(type, data)
    const follows = before.length > 0 ? { ...data, ...next(type, data) } : data
    return [...before, { type, data: follows }] as Fact[]
  })
}

/** What must have been recorded for this event to count. */
function beforehand(type: EventType, data: Data): { type: string; data: Data }[] {
  if (/^Token(Refreshed|ReuseDetected|Revoked)$/.test(type))
    return [first('TokenIssued', pick(data, 'grant_id', 'client_id'))]
  if (type === 'CodeExchanged') return [first('AuthorizationGranted', pick(data, 'grant_id', 'client_id'))]
  const kind = /^(Client|Scope|Group|Acl|Resource|User)(Changed|SecretRenewed|Deleted|GrantsRevoked)$/.exec(type)?.[1]
  if (!kind) return []
  const member = kind.toLowerCase()
  const id = { client: 'client_id', user: 'sub' }[member] ?? 'name'
  const named = pick((data[member] as Data | undefined) ?? data, id)
  const put = first(kind === 'Client' ? 'ClientRegistered' : (`${kind}Put` as EventType), {})
  return [{ ...put, data: { ...put.data, [member]: { ...(put.data[member] as Data), ...named } } }]
}

function next(type: EventType, data: Data): Data {
  if (type === 'TokenRefreshed') return orUsual(data, { access_generation: 2, refresh_generation: 2 })
  return 'revision' in data ? orUsual(data, { revision: 2 }) : {}
}

/** The smallest is what an ordinary event of the generator has: there it becomes what follows. */
function orUsual(data: Data, usual: Record<string, number>): Data {
  return Object.fromEntries(Object.entries(usual).map(([name, value]) => [name, data[name] === 1 ? value : data[name]]))
}

function first(type: EventType, over: Data): { type: string; data: Data } {
  return { type, data: { ...(ordinary(EVENT_DATA[type]) as Data), ...over } }
}

function pick(data: Data, ...names: string[]): Data {
  return Object.fromEntries(names.map((name) => [name, data[name]]))
}

/** The one record that there is: checks of a key, by purpose. */
const check = '_'.repeat(43)
const RECORDS = [{}, { _: check }, Object.fromEntries(Array.from({ length: 32 }, (_, n) => ['_'.repeat(n + 1), check]))]

/** Text that is no text: hashes in hex and base64url, and any bytes in base64url. */
const CODES = ['0'.repeat(64), 'f'.repeat(64), '_'.repeat(43), '-A'.repeat(20_000)]
const isCode = (schema: z.ZodString) => !schema.safeParse('a text').success
const codesOf = (schema: z.ZodString) => CODES.filter((code) => schema.safeParse(code).success)

/** Every value at the edge of what this schema lets in; of an object one for each edge of each member. */
function extremesOf(schema: z.ZodType): unknown[] {
  if (schema instanceof z.ZodNullable) return [null, ...extremesOf(schema.unwrap() as z.ZodType)]
  if (schema instanceof z.ZodOptional) return [undefined, ...extremesOf(schema.unwrap() as z.ZodType)]
  if (schema instanceof z.ZodUUID)
    return [uuid(), '00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff']
  if (schema instanceof z.ZodString && isCode(schema)) return codesOf(schema)
  if (schema instanceof z.ZodString) return [...((schema.minLength ?? 0) > 0 ? [] : ['']), ...TEXTS.map(unique)]
  if (schema instanceof z.ZodNumber) return [schema.minValue, schema.maxValue]
  if (schema instanceof z.ZodBoolean) return [true, false]
  if (schema instanceof z.ZodEnum) return schema.options
  if (schema instanceof z.ZodArray) {
    const inside = extremesOf(schema.element as z.ZodType)
    return [[], inside, ...inside.map((one) => [one])]
  }
  if (schema instanceof z.ZodRecord) return RECORDS
  if (schema instanceof z.ZodObject) {
    const edges = Object.entries(membersOf(schema)).flatMap(([name, member]) =>
      extremesOf(member).map((edge) => ({ [name]: edge })),
    )
    const known = edges.map((edge) => ({ ...(ordinary(schema) as Data), ...edge }))
    return [...known, { ...UNKNOWN, ...(ordinary(schema) as Data) }]
  }
  throw new Error(`no extremes of ${schema.def.type} are known`)
}

function membersOf(schema: z.ZodObject): Record<string, z.ZodType> {
  return schema.shape
}

let made = 0

/** One value that stands for nothing in particular; every text is another one. */
function ordinary(schema: z.ZodType): unknown {
  if (schema instanceof z.ZodObject)
    return Object.fromEntries(Object.entries(membersOf(schema)).map(([name, member]) => [name, ordinary(member)]))
  if (schema instanceof z.ZodNullable) return ordinary(schema.unwrap() as z.ZodType)
  if (schema instanceof z.ZodUUID) return uuid()
  if (schema instanceof z.ZodString) return isCode(schema) ? codesOf(schema)[0] : `text-${made++}`
  if (schema instanceof z.ZodNumber) return schema.minValue
  if (schema instanceof z.ZodArray) return []
  return extremesOf(schema)[0]
}

function unique(text: string): string {
  return `${text}${made++}`
}

async function appendAll({ runtime }: TestLedger, facts: Fact[]): Promise<void> {
  for (const fact of facts)
    await runtime.log.append(outgoing(envelop(fact, ISSUER, { actor: 'system/test' }, Date.now()), runtime.topics))
}

function checkpoints({ runtime }: TestLedger) {
  return loadCheckpoints(runtime, [runtime.topics.grants, runtime.topics.registry])
}

async function isThrough(ledger: TestLedger): Promise<boolean> {
  const { log, topics } = ledger.runtime
  const ends = new Map(
    (await log.bounds([topics.grants, topics.registry])).map((one) => [`${one.topic}/${one.partition}`, one.end]),
  )
  const all = await checkpoints(ledger)
  return all.every(
    ({ topic, partition, next, status }) => status !== 'ok' || next === ends.get(`${topic}/${partition}`),
  )
}
