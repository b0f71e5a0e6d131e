import { readPepperedKids } from '../../../shared/accounts/passwords/passwords.ts'
import { readWrappingKids } from '../../../shared/accounts/person-keys.ts'
import { ledgerIdOf } from '../../../shared/process/ledger-id.ts'
import { countPlainUserRecords } from '../../../shared/process/soundness/plain-users.ts'
import { incompleteFor } from '../../../shared/read-model/partition-health.ts'
import { createKeyUseReader, type KeyUse } from '../../../shared/read-model/key-uses/key-uses.ts'
import { type KeyEntity, readKeys } from '../../../shared/read-model/reads/keys.ts'
import { checksOf, differingPurposes, type KeyChecks } from '../../../shared/tokens/key-checks.ts'
import { isNeeded } from '../../../shared/process/soundness/key-soundness.ts'
import { type KeyFacts, nextStep, timeOf } from './next-step.ts'
import type { AuditSource, ConfiguredKeys } from './status-source.ts'
import type { ReadModel } from '../../../shared/read-model/read-model.ts'

/** One key: whether it is there, what needs it, and what to do next. */
export type KeyStatus = KeyFacts & {
  kid: number
  grants: number
  refresh_tokens: number
  access_tokens: number
  authorization_codes: number
  /** Not all of its tokens were counted: each of the four is that or more. */
  capped: boolean
  client_secrets: number
  /** The clients whose secret needs it. */
  clients: string[]
  /** RFC 3339. When the latest of the tokens that were counted was made; `null` = the read model has none any more. */
  last_token_made: string | null
  /** RFC 3339: when the last token of it ends by itself; `never`; `null` = none lives, or `capped`. */
  last_token_ends: string | null
  /** What to do, in a sentence. */
  next: string
}

/**
 * `problem`: why the read model may not show everything, so that nothing may be concluded from what it does not show.
 * `plain_user_records`: how many records of the log name a person in clear, which no key and no rotation mends.
 */
export type KeysStatus = { well: boolean; problem: string | null; plain_user_records: number; keys: KeyStatus[] }

type Source = Omit<AuditSource, 'log'>

/**
 * Every key that is configured, that the log knows, or that something living needs. Well = none is missing or another
 * one than it should be, the current one is not retired, and the read model is complete.
 */
export async function keysStatus({ configured, maxLagMs, ...readModel }: Source): Promise<KeysStatus> {
  // Their health first: what is read after it is not older.
  const problem = await incompleteFor(readModel, maxLagMs)
  const { keys: known } = await readKeys(readModel)
  const uses = new Map((await createKeyUseReader(readModel).uses()).map((use) => [use.kid, use]))
  const [checks, wrapping] = [await checksHere(readModel, configured), await readWrappingKids(readModel.knex)]
  const peppered = await readPepperedKids(readModel.knex, readModel.schema)
  const all = [...(configured?.kids ?? []), ...known.keys(), ...uses.keys(), ...wrapping.keys(), ...peppered.keys()]
  const kids = [...new Set(all)].sort((a, b) => a - b)
  const factsOf = (kid: number) => {
    const counts = { person_keys: wrapping.get(kid) ?? 0, passwords: peppered.get(kid) ?? 0 }
    return { entity: known.get(kid), configured, mine: checks(kid), ...counts }
  }
  const keys = kids
    .map((kid) => statusOf(uses.get(kid) ?? unusedKey(kid), factsOf(kid)))
    .filter((key) => key.state !== 'unproven' || key.configured !== false || key.missing)
  const plain_user_records = await countPlainUserRecords(readModel)
  return { well: problem === null && keys.every(isWell), problem, plain_user_records, keys }
}

function isWell({ missing, differs, state, current, person_keys }: KeyStatus): boolean {
  return !missing && differs.length === 0 && !(state === 'retired' && (current || person_keys > 0))
}

async function checksHere({ knex }: ReadModel, configured: ConfiguredKeys | null): Promise<(kid: number) => KeyChecks> {
  if (!configured) return () => ({})
  const ledger_id = await ledgerIdOf(knex)
  const keys = configured.keysOf(ledger_id)
  return (kid) => checksOf({ keys, ledger_id }, kid)
}

function unusedKey(kid: number): KeyUse {
  const none = { grants: 0, refresh_tokens: 0, access_tokens: 0, authorization_codes: 0 }
  return { kid, ...none, capped: false, clients: [], ends: null, last_made: null }
}

type Known = {
  entity: KeyEntity | undefined
  configured: ConfiguredKeys | null
  mine: KeyChecks
  person_keys: number
  passwords: number
}

function statusOf(use: KeyUse, { entity, configured: here, mine, person_keys, passwords }: Known): KeyStatus {
  const { ends, last_made, clients, ...counts } = use
  const state = stateOf(use, entity)
  const configured = here && here.kids.includes(use.kid)
  const needed = state !== 'retired' && (state === 'introduced' || isNeeded(use))
  const told = {
    configured,
    current: here && here.kids[0] === use.kid,
    state,
    differs: differingPurposes(mine, entity?.value?.checks ?? {}),
    missing: configured === false && (needed || person_keys > 0 || (passwords > 0 && state !== 'retired')),
    person_keys,
    passwords,
  }
  return {
    ...counts,
    ...told,
    client_secrets: clients.length,
    clients,
    last_token_made: last_made === null ? null : timeOf(last_made),
    last_token_ends: ends === null ? null : timeOf(ends),
    next: nextStep(use, told),
  }
}

function stateOf(use: KeyUse, entity: KeyEntity | undefined): KeyStatus['state'] {
  if (entity) return entity.deleted ? 'retired' : 'introduced'
  return use.last_made !== null || isNeeded(use) ? 'unproven' : 'new'
}
