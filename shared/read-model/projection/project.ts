import type { Knex } from 'knex'
import type { FoldStep } from '../../event-log/fold-log.ts'
import type { Opened, Revealed } from '../../accounts/people.ts'
import { VERSION_HELD } from '../../accounts/person-keys.ts'
import { isSamePlace, type TopicPartition } from '../../event-log/places.ts'
import type { Recorded, RegistryEvent } from '../../ledger/events.ts'
import { forgottenSubs, namesInClear } from '../../ledger/registry/state.ts'
import { type CheckpointMove, movesJson, moveSql } from '../checkpoints.ts'
import {
  foldGrants,
  grantBindings,
  grantRecords,
  loadGrants,
  supersedeSql,
  writeGrantsSql,
  type GrantChanges,
  type KnownGrants,
} from './grants.ts'
import { forgetWith, holdingKeys } from './forgotten.ts'
import {
  foldRegistry,
  loadRegistry,
  openFor,
  registryRecords,
  sealedUsers,
  writeRegistrySql,
  type RegistryChanges,
} from './registry.ts'
import type { Projection } from '../read-model.ts'

/**
 * A step of the log's walk to fold into the read model, what this process knows of its grants there, and what opens its
 * people where that was read ahead.
 */
export type KnownStep = FoldStep & { known?: KnownGrants | undefined; opened?: Opened | undefined }

/** Another projector has moved one of these checkpoints: nothing was written, read them again. */
export class CheckpointTaken extends Error {
  constructor() {
    super('a checkpoint does not stand where this batch begins')
    this.name = 'CheckpointTaken'
  }
}

/**
 * What generations are dated by: the database's clock, or (a rebuild) their record, so that old ones do not look young.
 */
type ProjectedAt = 'now' | 'record'

/**
 * Folds steps, each of a partition of its own, into the read model with one statement: it moves the checkpoints and
 * writes the rows, or, if any checkpoint stands elsewhere, does nothing and CheckpointTaken is thrown. What the fold
 * needs is read before: as long as a checkpoint stands where its step begins, nobody else has written what the step
 * depends on. Whoever is forgotten loses the key and all names in the transaction of that statement. Where a key was
 * forgotten since people were opened, they are opened anew while nobody can forget any.
 */
export async function project(tables: Projection, steps: KnownStep[], projectedAt: ProjectedAt = 'now'): Promise<void> {
  const records = steps.flatMap((step) => step.records)
  const grantEvents = grantRecords(records)
  const known = knownOf(steps)
  const states = await loadGrants(tables, grantEvents, (grant_id) => known.get(grant_id)?.get(grant_id))
  const grants = foldGrants(states, grantEvents)
  const registryEvents = registryRecords(records)
  const registryBegins = Math.max(0, ...steps.map((step) => step.registryBegins))
  const [stored, opened] = await Promise.all([
    loadRegistry(tables, registryEvents, registryBegins),
    // The registry is one partition, so one step at most is about people.
    steps.find((step) => step.opened)?.opened ?? openFor(tables.people, registryEvents),
  ])
  const registry = foldRegistry(stored, registryEvents)
  const moves = movesOf(steps, [...grants.verdicts, ...registry.verdicts], guardOf(registryEvents, registry))
  const write = (knex: Knex, by: Opened) =>
    writeOn(knex, { schema: tables.schema, projectedAt, by, moves, grants, registry })
  const revealed = await writePeople(tables, { opened, registry, places: steps.map(placeOf) }, write)
  const unreadable = [...revealed].filter(([, person]) => person === 'unreadable').map(([sub]) => sub)
  if (unreadable.length > 0) tables.unreadable?.(unreadable)
  for (const { grant_id } of grants.grants) {
    const state = states.get(grant_id)
    if (state) known.get(grant_id)?.set(grant_id, state)
  }
}

/** A step with its people opened, where it is about any: all that may be done while the step before is written. */
export async function withPeople<Step extends KnownStep>(
  { people }: Pick<Projection, 'people'>,
  step: Step,
): Promise<Step> {
  const registryEvents = registryRecords(step.records)
  return registryEvents.length === 0 ? step : { ...step, opened: await openFor(people, registryEvents) }
}

type Writing = { opened: Opened; registry: RegistryChanges; places: TopicPartition[] }

/** Writes with what was opened, or with the same people opened anew. `write`: `null` where a key was changed since. */
async function writePeople(
  tables: Projection,
  { opened, registry, places }: Writing,
  write: (knex: Knex, by: Opened) => Promise<Revealed | null>,
): Promise<Revealed> {
  const subs = forgottenSubs(registry.entities)
  const anew = async (tx: Knex) => write(tx, await tables.people.open(sealedUsers(registry), tx))
  const written =
    subs.length > 0
      ? await forgetWith(tables, { subs, places }, anew)
      : ((await write(tables.knex, opened)) ?? (await holdingKeys(tables, places, anew)))
  if (!written) throw new Error('the version of the keys of persons cannot be held: is ledger.persons_version empty?')
  return written
}

async function writeOn(knex: Knex, changes: Changes): Promise<Revealed | null> {
  const revealed = changes.by.reveal(sealedUsers(changes.registry))
  const { sql, bindings, options } = writeSql(changes, revealed)
  const { rows } = await knex.raw<{ rows: { stands: boolean; ok: boolean }[] }>(sql, bindings).options(options)
  if (!rows[0]?.stands) throw new CheckpointTaken()
  return rows[0].ok ? revealed : null
}

const placeOf = ({ topic, partition }: TopicPartition) => ({ topic, partition })

type Changes = { schema: string; projectedAt: ProjectedAt; by: Opened } & {
  moves: CheckpointMove[]
  grants: GrantChanges
  registry: RegistryChanges
}

function writeSql({ schema, projectedAt, by, moves, grants, registry }: Changes, revealed: Revealed) {
  // What stands in clear in the log has no key.
  const isSealed = revealed.size > 0
  const parts = [moveSql(schema, isSealed ? VERSION_HELD : undefined)]
  const bindings: (string | null)[] = [movesJson(moves), ...(isSealed ? [by.version] : [])]
  if (grants.grants.length > 0) {
    parts.push(writeGrantsSql(schema, projectedAt))
    bindings.push(...grantBindings(grants))
  }
  if (grants.superseded.length > 0) {
    parts.push(supersedeSql(schema))
    bindings.push(JSON.stringify(grants.superseded))
  }
  const entities = writeRegistrySql(schema, registry, revealed)
  const sql = `WITH ${[...parts, ...entities.sql].join(',')} SELECT standing.ok AS stands, ready.ok FROM standing, ready`
  // All but users change seldom, and in too many combinations for prepared statements.
  const changed = new Set(registry.entities.map(({ kind }) => kind))
  const isUsual = changed.size === 0 || (changed.size === 1 && changed.has('user'))
  const name = `project_${projectedAt}_${parts.length}${changed.size === 0 ? '' : isSealed ? '_keys' : '_users'}_${schema}`
  const options = isUsual ? { name } : {}
  return { sql, bindings: [...bindings, ...entities.bindings], options }
}

/** For each grant, what is known where its own events lie: partitions of the registry have the same numbers. */
function knownOf(steps: KnownStep[]): Map<string, KnownGrants | undefined> {
  return new Map(
    steps.flatMap(({ records, known }) => grantRecords(records).map(({ event }) => [event.data.grant_id, known])),
  )
}

/** Where the guard's counter stands behind a step of the registry; `null`: none of these steps is one. */
type GuardMove = (TopicPartition & { guard_revision: number }) | null

function guardOf([first]: Recorded<RegistryEvent>[], { guard_revision }: RegistryChanges): GuardMove {
  return first ? { ...first.position, guard_revision } : null
}

function movesOf(steps: KnownStep[], verdicts: GrantChanges['verdicts'], guard: GuardMove): CheckpointMove[] {
  const voids = verdicts.filter((verdict) => verdict.void !== undefined)
  return steps.map((step) => {
    const { topic, partition, start, position } = step
    const guard_revision = guard && isSamePlace(guard, step) ? guard.guard_revision : null
    const ownVoids = voids.filter((verdict) => isSamePlace(verdict, step)).length
    const plain_user_records = step.records.filter(({ event }) => namesInClear(event)).length
    return { topic, partition, start, ...position, guard_revision, voids: ownVoids, plain_user_records }
  })
}
