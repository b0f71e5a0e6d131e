import { readWrappingKids } from '../../accounts/person-keys.ts'
import { problemsFound } from '../../config/operator-error.ts'
import { ownCommand } from '../../config/own-command.ts'
import type { Settings } from '../../config/settings.ts'
import { readRegistry } from '../../event-log/registry-log.ts'
import { type KeyEntity, readKeys } from '../../read-model/reads/keys.ts'
import { countText, createKeyUseReader, type KeyUse } from '../../read-model/key-uses/key-uses.ts'
import { checksOf, differingPurposes, type LedgerKeys } from '../../tokens/key-checks.ts'
import { deriveKeys } from '../../tokens/keys.ts'
import type { PartsRead } from '../open-parts.ts'

/** The keys of a process, for its ledger. `needsAll`: it handles tokens, so that it must have every key in use. */
export type HeldKeys = LedgerKeys & { setting: SecretsSetting; needsAll: boolean }

type SecretsSetting = 'LEDGER_SECRETS_SYSTEM' | 'LEDGER_SECRETS_CHECK' | 'LEDGER_SECRETS_PROJECT'

/** The keys that these settings have; `null` = none at all. */
export function heldKeys(settings: Settings, ledger_id: string, needsAll = false): HeldKeys | null {
  const { SECRETS_SYSTEM, SECRETS_CHECK, SECRETS_PROJECT } = settings
  const held = { ledger_id, needsAll }
  if (SECRETS_SYSTEM) return { ...held, keys: deriveKeys(SECRETS_SYSTEM, ledger_id), setting: 'LEDGER_SECRETS_SYSTEM' }
  if (SECRETS_CHECK) return { ...held, keys: SECRETS_CHECK, setting: 'LEDGER_SECRETS_CHECK' }
  return SECRETS_PROJECT ? { ...held, keys: SECRETS_PROJECT, setting: 'LEDGER_SECRETS_PROJECT' } : null
}

/**
 * Every key that the log knows: by the read model if it shows all of the registry, else by the log itself. Without the
 * log, by what the read model shows.
 */
export async function knownKeys({ log, ...parts }: PartsRead, usesLog = true): Promise<ReadonlyMap<number, KeyEntity>> {
  const { next, keys } = await readKeys(parts)
  if (!usesLog) return keys
  const [bound] = await log.bounds([parts.topics.registry])
  if (bound && next >= bound.end) return keys
  const entities = (await readRegistry(log, parts.topics)).entities()
  const logged = entities.filter((entity): entity is KeyEntity => entity.kind === 'key')
  return new Map(logged.map((entity) => [kidOf(entity), entity]))
}

function kidOf({ key }: KeyEntity): number {
  return Number(key.slice('key/'.length))
}

/** What is wrong with these keys by what the log knows: another key under a kid, a retired one first, one missing. */
export function keyProblems(held: HeldKeys, known: ReadonlyMap<number, KeyEntity>): string[] {
  const missing = held.needsAll ? missingKids(held, known) : []
  return [...wrongKeys(held, known), ...missing.map(missingText(held))]
}

/** Throws an OperatorError that names each key that is another one than the log knows, or retired and first. */
export function requireRightKeys(held: HeldKeys, known: ReadonlyMap<number, KeyEntity>): void {
  const problems = wrongKeys(held, known)
  if (problems.length > 0) throw problemsFound('The keys are not right:', problems)
}

/** The kids that were introduced, not retired, and are not here. */
export function missingKids({ keys }: LedgerKeys, known: ReadonlyMap<number, KeyEntity>): number[] {
  return [...known].flatMap(([kid, { deleted }]) => (deleted || keys.kids.includes(kid) ? [] : [kid]))
}

/** Every reason not to start with these keys, also what lives and needs one that is not here. */
export async function keyProblemsAtStart(
  held: HeldKeys,
  { parts, usesLog }: { parts: PartsRead; usesLog: boolean },
): Promise<string[]> {
  const known = await knownKeys(parts, usesLog)
  const wrong = [...wrongKeys(held, known), ...(await wrappingKidProblems(held, { parts, known }))]
  if (!held.needsAll) return wrong
  const uses = await createKeyUseReader(parts).uses(
    (kid) => !held.keys.kids.includes(kid) && known.get(kid)?.deleted !== true,
  )
  const living = uses.filter(isNeeded)
  const idle = missingKids(held, known).filter((kid) => !living.some((use) => use.kid === kid))
  return [...wrong, ...living.flatMap((use) => needText(use, held)), ...idle.map(missingText(held))]
}

/**
 * Keys of persons that whoever opens or seals names cannot unwrap. Also under a kid that was retired: a process that
 * still had it first has made them.
 */
async function wrappingKidProblems(
  { keys, setting }: HeldKeys,
  { parts, known }: { parts: PartsRead; known: ReadonlyMap<number, KeyEntity> },
): Promise<string[]> {
  if (setting === 'LEDGER_SECRETS_CHECK') return []
  const wrapping = [...(await readWrappingKids(parts.knex))]
  return wrapping
    .filter(([kid]) => !keys.kids.includes(kid))
    .map(([kid, count]) => {
      const retired = known.get(kid)?.deleted === true ? ', which was retired' : ''
      return `${count} keys of persons are wrapped under key ${kid}${retired}, and ${setting} has no such kid: ${mendText(setting, kid)}`
    })
}

function mendText(setting: SecretsSetting, kid: number): string {
  const own = ownCommand()
  if (setting === 'LEDGER_SECRETS_PROJECT')
    return `make it anew with "${own} keys derive project" where LEDGER_SECRETS_SYSTEM has key ${kid}`
  return `put it back, or, if nobody has it any more, give these names up with "${own} keys rewrap --lost"`
}

function wrongKeys(held: HeldKeys, known: ReadonlyMap<number, KeyEntity>): string[] {
  const differing = held.keys.kids.flatMap((kid) => {
    const purposes = differingPurposes(checksOf(held, kid), known.get(kid)?.value?.checks ?? {})
    return purposes.length === 0 ? [] : [differsText(held, kid, purposes)]
  })
  const { current } = held.keys
  // Check secrets make nothing: with them it does not matter which is first.
  const retired = held.setting === 'LEDGER_SECRETS_SYSTEM' && known.get(current)?.deleted === true
  return retired ? [...differing, `key ${current} was retired, and is first in ${held.setting}: ${NEW_KID}`] : differing
}

const NEW_KID = 'put another first, a kid is never used again'

function differsText({ setting }: HeldKeys, kid: number, purposes: string[]): string {
  const whose = `key ${kid} in ${setting} is not the key ${kid} that the log knows (${purposes.join(', ')})`
  return `${whose}: put the right one back; a new key needs a new kid`
}

function missingText({ setting }: HeldKeys): (kid: number) => string {
  return (kid) => `key ${kid} is in use, and ${setting} has no such kid: put it back, or retire it`
}

/** Whether something that lives, or may live again, was made with this key; where not all was counted it may be. */
export function isNeeded({ grants, clients, capped }: Pick<KeyUse, 'grants' | 'clients' | 'capped'>): boolean {
  return grants > 0 || clients.length > 0 || capped
}

function needText({ kid, grants, clients, capped }: KeyUse, { setting }: HeldKeys): string[] {
  const without = `key ${kid}, and ${setting} has no such kid: put it back, or see "${ownCommand()} keys status"`
  return [
    ...(grants > 0 ? [`${countText(grants, { capped })} live grants need ${without}`] : []),
    ...(grants === 0 && capped ? [`grants that were not counted may need ${without}`] : []),
    ...(clients.length > 0 ? [`the secrets of ${clients.length} clients need ${without}`] : []),
  ]
}
