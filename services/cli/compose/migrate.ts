import { setTimeout as pause } from 'node:timers/promises'
import type { Logger } from 'pino'
import { v7 as uuidv7 } from 'uuid'
import { OperatorError } from '../../../shared/config/operator-error.ts'
import { ownCommand } from '../../../shared/config/own-command.ts'
import type { Settings } from '../../../shared/config/settings.ts'
import type { EventLog } from '../../../shared/event-log/event-log.ts'
import { shapeOf, type Topics } from '../../../shared/event-log/places.ts'
import { appendRegistry, readIssuers, readRegistry } from '../../../shared/event-log/registry-log.ts'
import type { Registry } from '../../../shared/ledger/registry/evolve.ts'
import { PREDEFINED } from '../../../shared/ledger/registry/predefined.ts'
import { forgottenSubs, registryKeyOf } from '../../../shared/ledger/registry/state.ts'
import { administratorsOf, standingAfter, usableKids } from '../../../shared/ledger/access/administrators.ts'
import { guardedGroupsOf, guardedScopesOf } from '../../../shared/ledger/access/guard.ts'
import { readActingGrants } from '../../../shared/read-model/reads/acting-grants.ts'
import { migrateDatabase } from '../../../shared/migrations/migrations.ts'
import { introduceKeys } from '../../../shared/process/soundness/introduce-key.ts'
import { heldKeys } from '../../../shared/process/soundness/key-soundness.ts'
import { joinLedger } from '../../../shared/process/ledger-id.ts'
import type { Parts, PartsRead } from '../../../shared/process/open-parts.ts'
import { plainUsersWarning } from '../../../shared/process/soundness/plain-users.ts'
import { requireLogNotLost } from '../../../shared/process/soundness/lost-log.ts'
import { requireSoundDatabase } from '../../../shared/process/soundness/soundness.ts'
import { BeingFilled } from '../../../shared/read-model/versions/build.ts'
import { listReadModels, readModelInUse } from '../../../shared/read-model/versions/read-models.ts'
import { deriveKeys } from '../../../shared/tokens/keys.ts'
import { buildReadModel, type Tell } from '../../admin/projection/build-read-model.ts'
import { bootstrapEvents } from './bootstrap.ts'
import { holdForgetting } from '../../../shared/process/soundness/hold-forgetting.ts'

/**
 * Makes or completes a ledger: schemas, topics, `LedgerCreated`, what every ledger begins with, and the bootstrap
 * client while nobody can act as administrator. May be repeated, and run by several at once: what comes second is void.
 * `tell` hears of each step before it. Throws an OperatorError when a key is another one than the log knows.
 */
export async function migrate(
  parts: Parts,
  settings: Settings,
  logger: Logger,
  tell: Tell = () => undefined,
): Promise<string> {
  const { knex, log, topics } = parts
  tell('database: schema ledger')
  await requireSoundDatabase(knex, settings)
  await requireLogNotLost({ ...parts, log: null }, settings)
  await migrateDatabase(knex, { shared: !settings.dev })
  tell(
    settings.KAFKA_BROKERS
      ? `Kafka: topics ${topics.grants} and ${topics.registry}, with a leader each`
      : 'event log: its table',
  )
  await log.create(shapeOf(topics))
  await requireLogNotLost(parts, settings)
  tell('event log: what every ledger begins with')
  const ledger_id = await createLedger(log, topics, settings.ISSUER)
  await joinLedger(knex, { ledger_id, issuer: settings.ISSUER, issuersOf: () => readIssuers(log, topics) })
  const registry = await appendPredefined(log, topics, settings.ISSUER)
  // Also where a read model of before does not know it yet.
  await holdForgetting(knex, logger, forgottenSubs(registry.entities()))
  const schema = await readModelFor(parts, settings, tell)
  if (schema !== null) await makeUsable({ ...parts, schema }, settings, { ledger_id, logger, tell })
  return ledger_id
}

/**
 * The read model of this release; made here where there is none of any. `null`: there is one of another release, which
 * processes may be reading, so that the operator says when the next is built beside it.
 */
async function readModelFor(parts: Parts, settings: Settings, tell: Tell): Promise<string | null> {
  const all = await listReadModels(parts.knex)
  const named = settings.READ_MODEL
  const isThere = named === undefined ? all.length > 0 : all.some(({ schema_name }) => schema_name === named)
  if (!isThere) return firstReadModel(parts, settings, tell)
  try {
    return await readModelInUse(parts.knex, named)
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error
    // Nobody else can be reading in a database that takes one process.
    if (settings.dev) return buildReadModel(parts, settings, { tell })
    tell(`read model: ${error.message}`)
    return null
  }
}

const LOOK_MS = 500

/** Made here, or by another migration at the same time, which is waited for. */
async function firstReadModel(parts: Parts, settings: Settings, tell: Tell): Promise<string> {
  const { READ_MODEL: named } = settings
  for (;;) {
    const found = await readModelInUse(parts.knex, named).catch(() => null)
    if (found !== null) return found
    try {
      return await buildReadModel(parts, settings, { named, tell })
    } catch (error) {
      if (!(error instanceof BeingFilled)) throw error
      tell(`read model: ${error.message}`)
      await pause(LOOK_MS)
    }
  }
}

async function makeUsable(parts: PartsRead, settings: Settings, { ledger_id, logger, tell }: Making): Promise<void> {
  const plain = await plainUsersWarning(parts)
  if (plain !== null) logger.warn(plain)
  if (plain !== null) tell(`WARNING: ${plain}`)
  const held = heldKeys(settings, ledger_id)
  // Before the first secret is stored under the key.
  if (held) await introduceKeys(parts, settings, held)
  const told = await bootstrap(parts, settings, ledger_id)
  if (told === null) return
  logger.warn({ client_id: settings.BOOTSTRAP_CLIENT_ID }, told)
  tell(`${settings.BOOTSTRAP_CLIENT_ID}: ${told}`)
}

type Making = { ledger_id: string; logger: Logger; tell: Tell }

const BY_MIGRATE = { actor: 'system/migrate' }

async function createLedger(log: EventLog, topics: Topics, source: string): Promise<string> {
  const known = (await readRegistry(log, topics)).get('ledger')
  if (known?.kind === 'ledger' && known.value) return known.value.ledger_id
  const facts = [{ type: 'LedgerCreated' as const, data: { ledger_id: uuidv7() } }]
  await appendRegistry(log, topics, { facts, source, context: BY_MIGRATE })
  // Another process may have been first: the first in the log is the ledger's.
  return createLedger(log, topics, source)
}

async function appendPredefined(log: EventLog, topics: Topics, source: string): Promise<Registry> {
  const registry = await readRegistry(log, topics)
  const facts = PREDEFINED.filter((fact) => registry.get(registryKeyOf(fact)) === undefined)
  await appendRegistry(log, topics, { facts, source, context: BY_MIGRATE })
  return registry
}

const NEW_ADMINISTRATOR = 'nobody could act as administrator: the bootstrap client can now'
const KEPT_OUT =
  'nobody can act as administrator, nor could the bootstrap client, because scopes or ACLs of the ledger were changed: ' +
  `"${ownCommand()} admin recover" opens them`

/** What became of the bootstrap client, where something had to. */
async function bootstrap(
  { log, topics, knex, schema }: PartsRead,
  settings: Settings,
  ledger_id: string,
): Promise<string | null> {
  const { BOOTSTRAP_CLIENT_ID: clientId, BOOTSTRAP_CLIENT_SECRET: secret, SECRETS_SYSTEM: secrets } = settings
  if (!clientId || !secret || !secrets) return null
  const registry = await readRegistry(log, topics)
  const keys = deriveKeys(secrets, ledger_id)
  const view = registry.view()
  const kids = usableKids(keys.kids, registry.get)
  const acting = { groups: guardedGroupsOf(view), scopes: guardedScopesOf(view), kids }
  const { grants } = await readActingGrants({ knex, schema }, acting)
  const standing = { view, kids, grants }
  const facts = bootstrapEvents({ registry, standing, clientId, secret, keys })
  if (facts.length === 0) return null
  if (administratorsOf(facts.reduce(standingAfter, standing)).length === 0) return KEPT_OUT
  await appendRegistry(log, topics, { facts, source: settings.ISSUER, context: { actor: 'system/bootstrap' } })
  return NEW_ADMINISTRATOR
}
