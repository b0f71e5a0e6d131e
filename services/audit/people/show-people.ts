import type { People } from '../../../shared/accounts/people.ts'
import type { UserEntity } from '../../../shared/ledger/registry/state.ts'
import { isSealed, type Person, type PersonalState, type User } from '../../../shared/ledger/user.ts'
import type { ReadModelTables } from '../../../shared/read-model/read-model.ts'
import type { ReplayEntry } from '../replay/replay-entry.ts'
import { batched } from './batched.ts'
import { readUsers } from './read-users.ts'
import { shownEntry, type ShownEntry, type ShownPeople, subsIn, userIn } from './shown-entry.ts'

/** What opens names, and the users as they stand. */
export type PeopleSource = Pick<ReadModelTables, 'knex' | 'schema'> & { people: Pick<People, 'revealFor'> }

/** Who this is: as the record at hand says, else as the user stands; `null` = that is not known. */
type Naming = (sub: string, own?: User | null) => Person | PersonalState | null

/**
 * The entries with everybody who is in them, by decrypting now: one who was forgotten meanwhile is `forgotten`. What it
 * reads is two statements for some hundred entries.
 */
export async function* showPeople(
  entries: AsyncIterable<ReplayEntry>,
  source: PeopleSource,
): AsyncGenerator<ShownEntry> {
  for await (const batch of batched(entries)) {
    const subs = [...new Set(batch.flatMap(subsIn))]
    const naming = await namingOf(source.people, subs, await readUsers(source, subs))
    for (const entry of batch) yield shownEntry(entry, peopleIn(entry, naming))
  }
}

/** The entries without people. */
export async function* hidePeople(entries: AsyncIterable<ReplayEntry>): AsyncGenerator<ShownEntry> {
  for await (const entry of entries) yield shownEntry(entry, null)
}

/** What tells who these are, with their keys as they are now. */
export async function namingOf(
  people: PeopleSource['people'],
  subs: readonly string[],
  users: ReadonlyMap<string, UserEntity>,
): Promise<Naming> {
  const reveal = await people.revealFor(subs)
  return (sub, own) => {
    const entity = users.get(sub)
    if (entity?.forgotten) return 'forgotten'
    const user = own ?? entity?.value ?? null
    if (!user) return null
    if (isSealed(user)) return reveal([user]).get(sub) ?? 'unreadable'
    const { username, name, email } = user.personal
    return { username, name, email }
  }
}

/** Who is in an entry. */
export function peopleIn(entry: ReplayEntry, naming: Naming): ShownPeople {
  const own = userIn(entry)
  return peopleOf(subsIn(entry), (sub) => naming(sub, own?.sub === sub ? own : null))
}

/** Who these are. */
export function peopleOf(subs: readonly string[], naming: Naming): ShownPeople {
  return Object.fromEntries(
    subs.flatMap((sub) => {
      const person = naming(sub)
      return person === null ? [] : [[sub, person]]
    }),
  )
}
