import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { wrappedAs } from '../../shared/accounts/opening.ts'
import type { Runtime } from '../../shared/process/runtime.ts'
import { generateDataKey, sealPersonal, wrapKey } from '../../shared/tokens/personal-data.ts'
import { until } from '../../test/support/waiting.ts'
import { appendUsers, inBatches, median, personOf, SEALED_AT_ONCE } from './cost.ts'
import type { Side } from './side.ts'

export type Rehearsed = { [what: string]: number }

const LANES = 8
const FORGETTERS = 32
const FOLD_MS = 1_800_000
const ROUND_MS = 5_000

type Rehearsal = {
  side: Side
  runtime: Runtime
  ledger_id: string
  /** The same keys with the new one first. */
  rotated: string
  people: number
  forgotten: number
}

/** Fills a served ledger with people, wraps their keys anew, forgets many, and verifies what is left. */
export async function rehearse(rehearsal: Rehearsal, note: (text: string) => void): Promise<Rehearsed> {
  const { side, runtime, people, forgotten } = rehearsal
  note(`filling ${people} people …`)
  const subs = uuidv4s(people)
  const filled = await fill(rehearsal, subs)
  note('refreshes alone …')
  const tokens = await Promise.all(subs.slice(0, LANES).map(async (sub) => (await side.grant(sub)).refresh_token))
  const alone: number[] = []
  for (let n = 0; n < 3; n++) alone.push(await p95(side, tokens, async () => pause(ROUND_MS)))
  note('rewrap, refreshes beside …')
  let rewrapMs = 0
  const beside = await p95(side, tokens, async () => {
    rewrapMs = await side.command({ LEDGER_SECRETS_SYSTEM: rehearsal.rotated }, 'keys', 'rewrap')
  })
  await requireAllUnder(runtime, 2)
  note(`forgetting ${forgotten} …`)
  const forget = await forgetAll(side, subs.slice(LANES, LANES + forgotten))
  note('verify, rebuild …')
  const verifyMs = await side.command({}, 'audit', 'verify')
  const rebuildMs = await side.command({}, 'projection', 'rebuild')
  return {
    ...filled,
    'refresh p95 alone, ms': median(alone),
    'refresh p95 beside rewrap, ms': beside,
    'rewrap of all, s': rewrapMs / 1000,
    ...forget,
    'verify clean, s': verifyMs / 1000,
    'rebuild, s': rebuildMs / 1000,
    'peak memory of the process, MB': await peakMb(side.pid),
  }
}

/** Their keys at once, as many processes would have made them, and then the records. */
async function fill({ runtime, ledger_id }: Rehearsal, subs: string[]): Promise<Rehearsed> {
  const { knex, people, keys } = runtime
  if (!keys) throw new Error('the bench has keys')
  const began = performance.now()
  for (let from = 0; from < subs.length; from += 10_000) {
    const some = subs.slice(from, from + 10_000)
    const key_ids = uuidv4s(some.length)
    const made = some.map((sub, at) => {
      const [key, key_id] = [generateDataKey(), key_ids[at] ?? '']
      const { kid, wrapped } = wrapKey(keys, ledger_id, { name: wrappedAs(sub, key_id), key })
      return { key, row: { sub, key_id, kid, wrapped: `\\x${wrapped.toString('hex')}` } }
    })
    await knex.raw(
      `INSERT INTO ledger.persons (sub, key_id, kid, wrapped)
       SELECT * FROM json_to_recordset(?::json) AS r(sub text, key_id uuid, kid smallint, wrapped bytea)`,
      [JSON.stringify(made.map(({ row }) => row))],
    )
    const sealed = await inBatches(
      made,
      async ({ key, row: { sub, key_id } }) => {
        const { personal, ...user } = personOf(sub)
        const username_index = await people.indexOf(personal.username)
        return { ...user, username_index, personal: sealPersonal(key, { ledger_id, sub, key_id }, personal) }
      },
      SEALED_AT_ONCE,
    )
    await appendUsers(runtime, sealed)
  }
  const appended = performance.now()
  await until(async () => (await shownPeople(runtime)) >= subs.length, 'the fold', FOLD_MS)
  return {
    'filled, people a second, all in all': subs.length / ((performance.now() - began) / 1000),
    'projector behind the last append, s': (performance.now() - appended) / 1000,
  }
}

async function shownPeople({ knex, schema }: Runtime): Promise<number> {
  const { rows } = await knex.raw<{ rows: { count: number }[] }>(
    `SELECT count(*)::int AS count FROM ${schema}.users WHERE username IS NOT NULL`,
  )
  return rows[0]?.count ?? 0
}

async function requireAllUnder({ knex }: Runtime, kid: number): Promise<void> {
  const { rows } = await knex.raw<{ rows: unknown[] }>('SELECT FROM ledger.persons WHERE kid <> ? LIMIT 1', [kid])
  if (rows.length > 0) throw new Error(`not all keys are wrapped under ${kid}`)
}

/** Of refreshes, one after the other in each lane, as long as the work lasts. */
async function p95(side: Side, tokens: string[], work: () => Promise<void>): Promise<number> {
  const times: number[] = []
  const state = { working: true }
  const lane = async (at: number) => {
    while (state.working) {
      const began = performance.now()
      tokens[at] = await side.refresh(tokens[at] ?? '')
      times.push(performance.now() - began)
    }
  }
  const lanes = Promise.all(tokens.map((_, at) => lane(at)))
  await work().finally(() => (state.working = false))
  await lanes
  return percentile(times, 0.95)
}

function percentile(times: number[], share: number): number {
  return [...times].sort((a, b) => a - b)[Math.floor((times.length - 1) * share)] ?? 0
}

const pause = (ms: number) => new Promise<void>((resolve) => void setTimeout(resolve, ms))

async function forgetAll(side: Side, subs: string[]): Promise<Rehearsed> {
  const [one, ...others] = subs
  const began = performance.now()
  await side.forget(one ?? '')
  const first = performance.now()
  const times: number[] = []
  const lane = async () => {
    for (let sub = others.pop(); sub !== undefined; sub = others.pop()) {
      const asked = performance.now()
      await side.forget(sub)
      times.push(performance.now() - asked)
    }
  }
  await Promise.all(Array.from({ length: FORGETTERS }, lane))
  return {
    'one forget, ms': first - began,
    'forgets a second, 32 at once': times.length / ((performance.now() - first) / 1000),
    'forget p95 of these, ms': percentile(times, 0.95),
  }
}

async function peakMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024
}

function uuidv4s(count: number): string[] {
  return Array.from({ length: count }, () => randomUUID())
}
