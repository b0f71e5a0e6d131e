import type { Settings } from '../../config/settings.ts'
import { walkLog } from '../../event-log/fold-log.ts'
import { appendRegistry } from '../../event-log/registry-log.ts'
import { readSkips } from '../../event-log/skips.ts'
import type { Recorded } from '../../ledger/events.ts'
import { loadCheckpoints } from '../../read-model/checkpoints.ts'
import type { KeyEntity } from '../../read-model/reads/keys.ts'
import { createKeyUseReader, type KeyUse } from '../../read-model/key-uses/key-uses.ts'
import { checksOf } from '../../tokens/key-checks.ts'
import { type HeldKeys, isNeeded, knownKeys, missingKids, requireRightKeys } from './key-soundness.ts'
import type { PartsRead } from '../open-parts.ts'

/** A start does not read more than this of what is not projected yet: then a token or secret has to prove the key. */
const MAX_UNPROJECTED = 10_000

/**
 * Writes what proves the keys at hand into the log, where that is certain: the current key while nothing was ever made
 * under its kid, and a purpose that a proved key did not have yet. Nothing while a key is missing here, which is
 * another mistake to mend first. Throws an OperatorError where another process was first with another key.
 */
export async function introduceKeys(parts: PartsRead, settings: Settings, held: HeldKeys): Promise<void> {
  const known = await knownKeys(parts)
  requireRightKeys(held, known)
  if (!settings.SECRETS_SYSTEM || missingKids(held, known).length > 0) return
  const wanted = [...newPurposes(held, known), ...(await newKey(parts, held, known))]
  if (wanted.length === 0) return
  const facts = wanted.map((data) => ({ type: 'KeyIntroduced' as const, data }))
  const { log, topics } = parts
  await appendRegistry(log, topics, { facts, source: settings.ISSUER, context: { actor: 'system/keys' } })
  requireRightKeys(held, await knownKeys(parts))
}

type Introduced = { revision: number; kid: number; checks: { [purpose: string]: string } }

function newPurposes(held: HeldKeys, known: ReadonlyMap<number, KeyEntity>): Introduced[] {
  return held.keys.kids.flatMap((kid) => {
    const entity = known.get(kid)
    if (!entity?.value) return []
    const checks = { ...entity.value.checks, ...checksOf(held, kid) }
    const added = Object.keys(checks).length > Object.keys(entity.value.checks).length
    return added ? [{ revision: entity.revision + 1, kid, checks }] : []
  })
}

async function newKey(parts: PartsRead, held: HeldKeys, known: ReadonlyMap<number, KeyEntity>): Promise<Introduced[]> {
  const kid = held.keys.current
  if (known.has(kid)) return []
  const isStrange = (one: number) => !held.keys.kids.includes(one) && !known.has(one)
  const uses = await usesNow(parts, { kid, among: (one) => one === kid || isStrange(one) })
  if (!uses || uses.some((use) => use.kid === kid || isNeeded(use))) return []
  return [{ revision: 1, kid, checks: checksOf(held, kid) }]
}

/**
 * What needs which key; `null` = this kid may have been used, by what of the log the read model does not show yet, or
 * that is too much to read.
 */
async function usesNow(
  parts: PartsRead,
  { kid, among }: { kid: number; among: (kid: number) => boolean },
): Promise<KeyUse[] | null> {
  const { log, topics, knex, schema } = parts
  // Before the rows: what lies below these positions is in them.
  const checkpoints = await loadCheckpoints({ knex, schema }, [topics.grants, topics.registry])
  const bounds = await log.bounds([topics.grants, topics.registry])
  const ranges = bounds.map(({ topic, partition, end }) => {
    const from = checkpoints.find((one) => one.topic === topic && one.partition === partition)?.next ?? 0
    return { topic, partition, from, to: end }
  })
  if (ranges.reduce((sum, { from, to }) => sum + Math.max(0, to - from), 0) > MAX_UNPROJECTED) return null
  const uses = await createKeyUseReader({ knex, schema, topics }).uses(among)
  const skips = await readSkips(log, topics)
  for (const range of ranges)
    for await (const { records, stop } of walkLog(log, range, { skips }))
      if (stop || records.some((recorded) => names(recorded, kid))) return null
  return uses
}

function names({ event: { type, data } }: Recorded, kid: number): boolean {
  if (type === 'KeyIntroduced') return false
  if ('kid' in data) return data.kid === kid
  if (!('client' in data)) return false
  // Whatever the clock says: a secret that has ended was made with it as well.
  const { secret, previous_secret } = data.client
  return secret?.kid === kid || previous_secret?.kid === kid
}
