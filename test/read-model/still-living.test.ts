import fc from 'fast-check'
import type { LogBatch, LogRecord } from '../../shared/event-log/event-log.ts'
import { outgoing } from '../../shared/event-log/event-codec.ts'
import { partitionOf, placesOf, placeText } from '../../shared/event-log/places.ts'
import { secretsOf } from '../../shared/ledger/client.ts'
import type { GrantEvent, RegistryEvent } from '../../shared/ledger/events.ts'
import { evolve } from '../../shared/ledger/grant/evolve.ts'
import {
  accessTokenLiveness,
  accessTokenUntil,
  codeUntil,
  deadBecause,
  ENDED,
  grantStatus,
  hasEndedWith,
  refreshTokenUntil,
  spentRefreshTokenUntil,
} from '../../shared/ledger/grant/liveness.ts'
import { type Generation, type GrantState, UNKNOWN_GRANT } from '../../shared/ledger/grant/state.ts'
import { createRegistry, type Registry } from '../../shared/ledger/registry/evolve.ts'
import { registryKey } from '../../shared/ledger/registry/kinds.ts'
import { loadCheckpoints } from '../../shared/read-model/checkpoints.ts'
import { readBatch } from '../../shared/event-log/fold-log.ts'
import { NO_SKIPS } from '../support/skipping.ts'
import { project } from '../../shared/read-model/projection/project.ts'
import { readActingGrants } from '../../shared/read-model/reads/acting-grants.ts'
import {
  createKeyUseReader,
  isKeyAlive,
  type KeyUse,
  type KeyUseReader,
} from '../../shared/read-model/key-uses/key-uses.ts'
import { type Stalls, stalledMs } from '../../shared/read-model/stall.ts'
import { startLedger, type TestLedger } from '../support/ledger.ts'
import { realTest } from '../support/real-parts.ts'
import { statusByCore, statusesListed } from './effective-status.ts'
import { ago, type Lives, lives, recordsOf, type Stall, type Unplaced } from './generated-lives.ts'

const test = realTest('postgres')
const RUNS = { numRuns: 150 }

type Runtime = TestLedger['runtime']

test('the SQL of what still lives says what the core says, whatever a grant, its client and its user went through', async (t) => {
  const { runtime } = await startLedger(t, { services: [] })
  const reader = createKeyUseReader(runtime, { page: 2 })
  const seen = { active: 0, dead: 0, refresh: 0, retried: 0, codes: 0, acting: 0, ended: 0, expired: 0 }
  let disabled = 0
  await fc.assert(
    fc.asyncProperty(lives, fc.nat(3), async (lives, cut) => {
      const now = Date.now()
      const records = recordsOf(lives, now)
      await projectAnew(runtime, records, cut)
      await standStill(runtime, lives, now)
      const core = foldAll(records)

      const active = core.grants.flatMap((grant) => activeTokens(grant, core.registry, now))
      t.deepEqual(await shownTokens(runtime), active.sort())

      const usable = core.grants.flatMap((grant) => usableGrants(grant, core.registry, now))
      t.deepEqual(await actingGrants(runtime), grouped(usable))
      seen.acting += usable.length

      const next = records.registry.length
      const statuses = core.grants.map((grant) =>
        statusByCore({ ...grant, ...partiesOf(grant, core.registry) }, { now, next }),
      )
      t.deepEqual(await statusesListed(runtime), statuses)
      const countOf = (status: string) => statuses.filter((told) => told.includes(` ${status} `)).length
      seen.ended += countOf('ended')
      seen.expired += countOf('expired')
      disabled += countOf('disabled')

      const parts = core.grants.flatMap((grant) => partsOf(grant, core.registry, { lives, now }))
      const uses = await reader.uses()
      t.deepEqual(uses.map(rounded), usesOf(parts, core.registry, now).map(rounded))
      for (const { kid, grants } of uses) {
        t.is(await isKeyAlive(reader, kid), grants > 0)
        t.deepEqual(
          await allGrantsOf(reader, kid),
          grantsOf(
            parts.filter((part) => part.kid === kid),
            now,
          ).sort(),
        )
      }
      count(seen, parts, { active, now })
    }),
    RUNS,
  )
  t.true(
    Object.values(seen).every((times) => times > 20),
    JSON.stringify(seen),
  )
  t.true(disabled > 2, `${disabled} disabled`)
})

/** Those of all pages, each once. */
async function allGrantsOf(reader: KeyUseReader, kid: number): Promise<string[]> {
  const found = new Set<string>()
  let after: string | null = null
  do {
    const page: { grant_ids: string[]; next: string | null } = await reader.grantsOf(kid, after)
    for (const grant_id of page.grant_ids) found.add(grant_id)
    after = page.next
  } while (after !== null)
  return [...found].sort()
}

/** Empties the read model and folds these records into it, as a projector does, in two batches. */
async function projectAnew(
  { knex, schema, topics, people }: Runtime,
  records: ReturnType<typeof recordsOf>,
  cut: number,
) {
  await knex.raw(`TRUNCATE ${schema}.grants, ${schema}.bearer_tokens, ${schema}.clients, ${schema}.users`)
  await knex.withSchema(schema).table('checkpoints').update({ next: 0, stalls: '{}' })
  const partitions = placed([...records.registry, ...records.grants], topics)
  for (const part of [(all: LogRecord[]) => all.slice(0, cut), (all: LogRecord[]) => all.slice(cut)]) {
    const checkpoints = await loadCheckpoints({ knex, schema }, [topics.registry, topics.grants])
    const batches = checkpoints.flatMap((checkpoint) => {
      const { topic, partition, next: start } = checkpoint
      const records = part(partitions.get(placeText({ topic, partition })) ?? [])
      const batch: LogBatch = { topic, partition, start, next: start + records.length, records }
      return records.length === 0 ? [] : [readBatch(batch, checkpoint, NO_SKIPS)]
    })
    // What was projected is dated as what was recorded: a grace can have run out.
    await project({ knex, schema, people }, batches, 'record')
  }
}

function placed(records: Unplaced<GrantEvent | RegistryEvent>[], topics: Runtime['topics']): Map<string, LogRecord[]> {
  const partitions = new Map(placesOf(topics).map((place) => [placeText(place), [] as LogRecord[]]))
  for (const { event, timestamp } of records) {
    const { topic, partition, key, value } = outgoing(event, topics)
    const before = partitions.get(placeText({ topic, partition })) ?? []
    before.push({ offset: before.length, timestamp, key: Buffer.from(key), value: Buffer.from(value) })
  }
  return partitions
}

async function standStill({ knex, schema, topics }: Runtime, { stalls }: Lives, now: number): Promise<void> {
  for (const [topic, stall] of [
    [topics.grants, stalls.grants],
    [topics.registry, stalls.registry],
  ] as const) {
    await knex.raw(
      `UPDATE ${schema}.checkpoints
          SET stalls = ARRAY(SELECT tstzrange(to_timestamp((s->>0)::float8 / 1000), to_timestamp((s->>1)::float8 / 1000), '[]')
                               FROM jsonb_array_elements(?::jsonb) AS s)
        WHERE topic = ?`,
      [JSON.stringify(stallsOf(stall, now).stalls), topic],
    )
  }
}

function stallsOf(stall: Stall, now: number): Stalls {
  const stalls = stall === null ? [] : [[ago(now, stall.stalled), ago(now, stall.resumed)] as const]
  return { stalls, fresh_as_of: null }
}

type FoldedGrant = { state: Exclude<GrantState, { status: 'unknown' }>; generations: Generation[] }

/** What the core makes of the records, by itself. */
function foldAll(records: ReturnType<typeof recordsOf>): { registry: Registry; grants: FoldedGrant[] } {
  const registry = createRegistry()
  records.registry.forEach((record, offset) =>
    registry.apply({ ...record, position: { topic: 'registry', partition: 0, offset } }),
  )
  const byId = new Map<string, { state: GrantState; generations: Generation[] }>()
  for (const record of records.grants) {
    const { grant_id } = record.event.data
    const { state: before, generations } = byId.get(grant_id) ?? { state: UNKNOWN_GRANT, generations: [] }
    const { state } = evolve(before, {
      ...record,
      position: { topic: 'grants', partition: partitionOf(grant_id), offset: 0 },
    })
    const made = state.status === 'live' && !generations.includes(state.current) ? [state.current] : []
    byId.set(grant_id, { state, generations: [...generations, ...made] })
  }
  const grants = [...byId.values()].flatMap(({ state, ...rest }) =>
    state.status === 'unknown' ? [] : [{ state, ...rest }],
  )
  return { registry, grants }
}

function partiesOf({ state }: FoldedGrant, registry: Registry) {
  const client = registry.get(registryKey('client', state.client_id))
  const user = state.principal.type === 'user' ? registry.get(registryKey('user', state.principal.id)) : undefined
  return { client: client?.kind === 'client' ? client : null, user: user?.kind === 'user' ? user : null }
}

function activeTokens(grant: FoldedGrant, registry: Registry, now: number): string[] {
  const { state, generations } = grant
  if (deadBecause({ grant: state, ...partiesOf(grant, registry) }) !== null) return []
  return generations
    .filter((row) => accessTokenLiveness({ grant: grantStatus(state), generation: row.generation, row, now }).active)
    .map(({ generation }) => `${state.grant_id}/${generation}`)
}

async function shownTokens({ knex, schema }: Runtime): Promise<string[]> {
  const { rows } = await knex.raw<{ rows: { grant_id: string; generation: number }[] }>(
    `SELECT grant_id, generation FROM ${schema}.live_bearer_tokens`,
  )
  return rows.map(({ grant_id, generation }) => `${grant_id}/${generation}`).sort()
}

const KIDS = [1, 2]

type Usable = [what: string, grant_id: string]

/** What a user can act with, of tokens of the keys at hand: whose, through which client, by what, with which scope. */
function usableGrants(grant: FoldedGrant, registry: Registry, now: number): Usable[] {
  const { state, generations } = grant
  if (state.status !== 'live' || state.principal.type !== 'user') return []
  if (deadBecause({ grant: state, ...partiesOf(grant, registry) }) !== null) return []
  const whose = `${state.principal.id} ${state.client_id}`
  return generations
    .filter(({ kid }) => KIDS.includes(kid))
    .flatMap((row) => {
      const { generation, scope } = row
      const isCurrent = generation === state.refresh_generation && refreshTokenUntil(state) > now
      const found: Usable[] = accessTokenUntil(state, row) > now ? [[`${whose} at ${scope}`, state.grant_id]] : []
      return isCurrent ? [...found, [`${whose} rt ${state.scope}`, state.grant_id]] : found
    })
}

/** Each with how many grants give it, two at the most. */
function grouped(usable: Usable[]): string[] {
  return [...new Set(usable.map(([what]) => what))]
    .map((what) => `${what} × ${Math.min(2, new Set(usable.filter(([one]) => one === what).map(([, id]) => id)).size)}`)
    .sort()
}

async function actingGrants(runtime: Runtime): Promise<string[]> {
  const { grants } = await readActingGrants(runtime, { groups: ['Everybody'], scopes: ['read', 'write'], kids: KIDS })
  return grouped(
    grants.flatMap(({ sub, client_id, kind, scope, grant_ids }) =>
      grant_ids.map((id): Usable => [`${sub} ${client_id} ${kind} ${scope}`, id]),
    ),
  )
}

/** What was made with one key at one time, and until when (ms) each part of it can be used. */
type Part = {
  grant_id: string
  kid: number
  made: number
  access: number
  refresh: number
  retry: number
  code: number
  isCode: boolean
}

function partsOf(grant: FoldedGrant, registry: Registry, { lives, now }: { lives: Lives; now: number }): Part[] {
  const { state, generations } = grant
  const { grant_id } = state
  const { client, user } = partiesOf(grant, registry)
  const hasEnded =
    state.status === 'revoked' || [client, user].some((one) => hasEndedWith(one, state.registry_position))
  const dead = { grant_id, access: ENDED, refresh: ENDED, retry: ENDED, code: ENDED, isCode: false }
  if (state.status === 'authorized') {
    return [{ ...dead, kid: state.terms.kid, made: state.at, code: hasEnded ? ENDED : codeUntil(state), isCode: true }]
  }
  return generations.map((row, n) => {
    const made = { ...dead, kid: row.kid, made: row.at }
    if (state.status !== 'live' || hasEnded) return made
    const isCurrent = row.generation === state.refresh_generation
    const isSpent = row.generation < state.refresh_generation
    const refresh = isCurrent ? refreshTokenUntil(state) : ENDED
    const retry = isSpent ? retryUntil(generations[n + 1], lives, now) : ENDED
    return { ...made, access: accessTokenUntil(state, row), refresh, retry }
  })
}

function retryUntil(next: Generation | undefined, { stalls }: Lives, now: number): number {
  if (!next) throw new Error('a spent token has a next')
  const stalled = [stalls.grants, stalls.registry].map((stall) => stalledMs(stallsOf(stall, now), next.at, now))
  return spentRefreshTokenUntil(next.at + Math.max(...stalled))
}

const untilOf = ({ access, refresh, retry, code }: Part) => Math.max(access, refresh, retry, code)

function grantsOf(parts: Part[], now: number): string[] {
  return [...new Set(parts.filter((part) => untilOf(part) > now).map(({ grant_id }) => grant_id))]
}

function usesOf(parts: Part[], registry: Registry, now: number): KeyUse[] {
  const secrets = registry
    .view()
    .clients.flatMap((client) => secretsOf(client, now).map(({ kid }) => ({ client_id: client.client_id, kid })))
  // A code that is dead is a grant to be swept, and not looked for.
  const shown = parts.filter((part) => !part.isCode || part.code > now)
  const kids = [...new Set([...shown, ...secrets].map(({ kid }) => kid))].sort()
  return kids.map((kid) => {
    const mine = shown.filter((part) => part.kid === kid)
    const ends = mine.map(untilOf).filter((until) => until > now)
    return {
      kid,
      grants: grantsOf(mine, now).length,
      refresh_tokens: mine.filter(({ refresh }) => refresh > now).length,
      access_tokens: mine.filter(({ access }) => access > now).length,
      authorization_codes: mine.filter(({ code }) => code > now).length,
      clients: [...new Set(secrets.filter((secret) => secret.kid === kid).map(({ client_id }) => client_id))].sort(),
      capped: false,
      ends: ends.length === 0 ? null : Math.max(...ends) / 1000,
      last_made: mine.length === 0 ? null : Math.max(...mine.map(({ made }) => made)) / 1000,
    }
  })
}

// The database counts in microseconds.
const rounded = (use: KeyUse): KeyUse => ({ ...use, ends: toMs(use.ends), last_made: toMs(use.last_made) })
const toMs = (seconds: number | null) => (seconds === null ? null : Math.round(seconds * 1000))

function count(seen: Record<string, number>, parts: Part[], { active, now }: { active: string[]; now: number }): void {
  const add = (name: string, times: number) => void (seen[name] = (seen[name] ?? 0) + times)
  add('active', active.length)
  add('dead', parts.filter((part) => untilOf(part) <= now).length)
  add('refresh', parts.filter(({ refresh }) => refresh > now).length)
  add('retried', parts.filter((part) => part.retry > now && part.access <= now).length)
  add('codes', parts.filter(({ code }) => code > now).length)
}
