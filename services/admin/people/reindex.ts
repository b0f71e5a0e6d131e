import { OperatorError } from '../../../shared/config/operator-error.ts'
import { createPeople, type People } from '../../../shared/accounts/people.ts'
import type { Settings } from '../../../shared/config/settings.ts'
import type { Progress } from '../../../shared/event-log/fold-log.ts'
import { appendRegistry, readRegistry } from '../../../shared/event-log/registry-log.ts'
import type { EntityFact } from '../../../shared/ledger/events.ts'
import type { UserEntity } from '../../../shared/ledger/registry/state.ts'
import { externalOf, isSealed, type SealedUser } from '../../../shared/ledger/user.ts'
import { ledgerIdOf } from '../../../shared/process/ledger-id.ts'
import type { Parts } from '../../../shared/process/open-parts.ts'
import { heldKeys } from '../../../shared/process/soundness/key-soundness.ts'

/**
 * `left`: people whose name cannot be read, or that somebody else has by now, each by `sub`; `unlinked`: those whose
 * accounts elsewhere are lost with the name key, as nothing tells what these were indexes of.
 */
export type Reindexed = { done: number; left: string[]; unlinked: string[] }

const ROUNDS = 5

/**
 * Writes each user again whose name has another index than the name key makes, as `system/operator`, and without
 * accounts elsewhere; makes that key where it is lost. May be repeated, and cut short, while all is served.
 * OperatorError without secrets.
 */
export async function reindexUsers(
  { knex, log, topics }: Pick<Parts, 'knex' | 'log' | 'topics'>,
  settings: Settings,
  { reason, progress }: { reason: string; progress?: Progress },
): Promise<Reindexed> {
  const ledger_id = await ledgerIdOf(knex)
  const keys = settings.SECRETS_SYSTEM ? heldKeys(settings, ledger_id)?.keys : null
  if (!keys) throw new OperatorError('LEDGER_SECRETS_SYSTEM is not set: the key is wrapped under it')
  const people = createPeople({ knex, keys, ledger_id })
  let done = 0
  const unlinked: string[] = []
  for (let round = 0; ; round++) {
    const { due, left } = await dueUsers(people, (await readRegistry(log, topics)).entities().filter(isSealedUser))
    // Who is due again was changed meanwhile, or the name is another's by the log.
    if (due.length === 0 || round === ROUNDS) return { done, left: [...left, ...due.map(({ sub }) => sub)], unlinked }
    for (const [n, { sub, fact, isLinked }] of due.entries()) {
      const context = { actor: 'system/operator' }
      await appendRegistry(log, topics, { facts: [await fact(reason)], source: settings.ISSUER, context })
      if (isLinked) unlinked.push(sub)
      progress?.(n + 1, due.length)
    }
    if (round === 0) done = due.length
  }
}

type Sealed = UserEntity & { value: SealedUser }
type Due = { sub: string; isLinked: boolean; fact: (reason: string) => Promise<EntityFact> }

function isSealedUser(entity: { kind: string; value: unknown }): entity is Sealed {
  return entity.kind === 'user' && entity.value !== null && isSealed((entity as Sealed).value)
}

async function dueUsers(people: People, entities: Sealed[]): Promise<{ due: Due[]; left: string[] }> {
  const revealed = await people.reveal(entities.map(({ value }) => value))
  const due: Due[] = []
  const left: string[] = []
  for (const { value, revision } of entities) {
    const { sub, groups, enabled } = value
    const personal = revealed.get(sub)
    if (personal === undefined || typeof personal === 'string') left.push(sub)
    else if (value.username_index !== (await people.indexOf(personal.username)))
      due.push({
        sub,
        isLinked: externalOf(value).length > 0,
        fact: async (reason) => {
          const user = await people.seal({ sub, groups, enabled, personal }, value)
          return {
            type: 'UserPut',
            data: { revision: revision + 1, reason, user: { ...value, ...user, external: undefined } },
          }
        },
      })
  }
  return { due, left }
}
