import { isDeepStrictEqual } from 'node:util'
import { OperatorError } from '../../../shared/config/operator-error.ts'
import { ownCommand } from '../../../shared/config/own-command.ts'
import type { Settings } from '../../../shared/config/settings.ts'
import { appendRegistry, readLedgerId, readRegistry } from '../../../shared/event-log/registry-log.ts'
import { openingFacts } from '../../../shared/ledger/access/recovery.ts'
import type { Client, EntityFact, Revised } from '../../../shared/ledger/events.ts'
import type { Registry } from '../../../shared/ledger/registry/evolve.ts'
import { registryKey } from '../../../shared/ledger/registry/kinds.ts'
import { withNames } from '../../../shared/ledger/registry/naming.ts'
import { registryKeyOf } from '../../../shared/ledger/registry/state.ts'
import type { Parts } from '../../../shared/process/open-parts.ts'
import { introduceKeys } from '../../../shared/process/soundness/introduce-key.ts'
import { heldKeys } from '../../../shared/process/soundness/key-soundness.ts'
import { hashClientSecret } from '../../../shared/tokens/client-secret.ts'
import { readModelInUse } from '../../../shared/read-model/versions/read-models.ts'
import { administratorClient } from './bootstrap.ts'

/** `secret`: asked for when nothing stands against it any more, and before anything is appended. */
export type Recovery = { clientId: string; secret: () => Promise<string>; reason: string }

const ATTEMPTS = 10

/**
 * Makes this client an administrator with this secret, and opens what keeps it out, as `system/operator`. Answers the
 * keys of what was written besides the client: what was closed. May be repeated, and cut short: what is done is not
 * done again. OperatorError without secrets, without a ledger, or when a key is another one than the log knows.
 */
export async function recover(
  parts: Parts,
  settings: Settings,
  { clientId, secret, reason }: Recovery,
): Promise<{ opened: string[] }> {
  const { log, topics } = parts
  const ledger_id = await readLedgerId(log, topics)
  if (ledger_id === null) throw new OperatorError(`there is no ledger here: "${ownCommand()} migrate" makes one`)
  const held = settings.SECRETS_SYSTEM ? heldKeys(settings, ledger_id) : null
  if (!held) throw new OperatorError('LEDGER_SECRETS_SYSTEM is not set: the secret is stored under it')
  // Before the secret is stored under the key.
  const schema = await readModelInUse(parts.knex, settings.READ_MODEL)
  await introduceKeys({ ...parts, schema }, settings, held)
  const hash = hashClientSecret(held.keys, await secret())
  const opened = new Set<string>()
  const client = registryKey('client', clientId)
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const registry = await readRegistry(log, topics)
    const facts = recoveryFacts(registry, administratorClient(registry, clientId, hash), reason)
    if (facts.length === 0) return { opened: [...opened] }
    await appendRegistry(log, topics, { facts, source: settings.ISSUER, context: { actor: 'system/operator' } })
    for (const fact of facts) opened.add(registryKeyOf(fact))
    opened.delete(client)
  }
  throw new OperatorError(`others kept changing the same ${ATTEMPTS} times: stop the admin services, and repeat`)
}

/** What is missing until this client can act; each is decided under the guard's counter, as every guarded write is. */
export function recoveryFacts(registry: Registry, client: Client, reason: string): EntityFact[] {
  let guard_revision = registry.guardRevision()
  const revised = (key: string): Revised => {
    return { revision: (registry.get(key)?.revision ?? 0) + 1, guard_revision: guard_revision++, reason }
  }
  const key = registryKey('client', client.client_id)
  const before = registry.get(key)
  const counting = before && withNames(registry.get, before)
  const own: EntityFact[] = isDeepStrictEqual(counting?.value, client)
    ? []
    : [{ type: before && !before.deleted ? 'ClientChanged' : 'ClientRegistered', data: { ...revised(key), client } }]
  return [...own, ...openingFacts(registry, client, revised)]
}
