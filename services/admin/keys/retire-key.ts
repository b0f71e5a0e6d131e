import type { EventContext } from '../../../shared/event-log/event-codec.ts'
import { Unsettled } from '../../../shared/read-model/unsettled.ts'
import { countText, isKeyAlive } from '../../../shared/read-model/key-uses/key-uses.ts'
import { FIRST_ANOTHER, keyInUse, type KeyInUse, type KeyLookup, neverWas } from './key-in-use.ts'
import { completeAsOfNow, type KeyRevoker } from './revoke-key.ts'

export type KeyRetirer = KeyRevoker & KeyLookup

/** `lost`: nobody has the key any more, so that the client secrets stored under it are no reason to keep it. */
export type Retirement = { kid: number; lost: boolean }

/**
 * Retires a key: `KeyRetired`, durable and projected when it resolves, with what still bears the kid then. Refused for
 * the current key, and while something that lives needs it, by a read model that shows all that is in the log. A key
 * that was retired before stays so.
 */
export async function retireKey(
  retirer: KeyRetirer,
  retirement: Retirement,
  context: EventContext,
): Promise<{ key: KeyInUse; refused?: undefined } | { key: KeyInUse; refused: string }> {
  const { kid } = retirement
  await completeAsOfNow(retirer)
  const key = await keyInUse(retirer, kid)
  const known = await retirer.knownKeys()
  const entity = known.keys.get(kid)
  if (entity?.deleted) return { key }
  const refused = refusalOf(key, retirement, retirer.here) ?? (await deadRefusal(retirer, key))
  if (refused !== null) return { key, refused }
  const data = { revision: (entity?.revision ?? 0) + 1, kid }
  await retirer.commit({ type: 'KeyRetired', data }, context, known)
  const after = (await retirer.knownKeys()).keys.get(kid)
  if (!after?.deleted) throw new Unsettled('the retirement turned out void')
  return { key: await keyInUse(retirer, kid) }
}

function refusalOf(
  { kid, known, grants, clients, capped, person_keys, passwords }: KeyInUse,
  { lost }: Retirement,
  here: readonly number[],
): string | null {
  if (!known) return neverWas(kid)
  if (kid === here[0]) return `kid ${kid} is current here: ${FIRST_ANOTHER}`
  if (lost && here.includes(kid)) return `key ${kid} is here, so it is not lost`
  if (grants > 0) return livingNeed(kid, countText(grants, { capped }))
  if (clients.length > 0 && !lost)
    return `the secrets of ${clients.length} clients need key ${kid}: each needs a new one first, or --lost if nobody has the key`
  if (passwords > 0 && !lost) return passwordsNeed(kid, passwords)
  return person_keys > 0 ? wrappingNeed(kid, person_keys, lost) : null
}

function passwordsNeed(kid: number, passwords: number): string {
  return `${passwords} passwords are stored under key ${kid}: each is stored anew when its user logs in; set or remove those that are left, or --lost if nobody has the key`
}

function wrappingNeed(kid: number, person_keys: number, lost: boolean): string {
  const mend = lost ? '"keys rewrap --lost" gives them up' : '"keys rewrap" wraps them under the current one'
  return `${person_keys} keys of persons are wrapped under key ${kid}: ${mend}`
}

/** Where so many of its tokens are dead that not all were counted, each of them is looked at. */
async function deadRefusal({ keyUses }: KeyRetirer, { kid, capped }: KeyInUse): Promise<string | null> {
  return capped && (await isKeyAlive(keyUses, kid)) ? livingNeed(kid, 'some') : null
}

function livingNeed(kid: number, grants: string): string {
  return `${grants} living grants need key ${kid}: end them with "keys revoke --kid ${kid}", or wait`
}
