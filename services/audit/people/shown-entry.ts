import type { Envelope, LedgerEvent, Revised } from '../../../shared/ledger/events.ts'
import type { Person, PersonalState, User } from '../../../shared/ledger/user.ts'
import type { ReplayEntry } from '../replay/replay-entry.ts'

/** Whether an answer shows people; if not, why they are left out. */
export type Personal = 'shown' | 'not_asked' | 'not_allowed' | 'no_key'

/** What names each person that something is about, by `sub`; of whom the ledger no longer has, nothing. */
export type ShownPeople = { [sub: string]: Person | PersonalState }

type UserEvent = Extract<LedgerEvent, { data: { user: User } }>

type ShownUserEvent = Envelope & {
  type: UserEvent['type']
  data: Revised & { user: Omit<User, 'personal'> }
}

/** An event without what names a person, be that sealed or, in a record of version 1, in clear. */
export type ShownEvent = Exclude<LedgerEvent, UserEvent> | ShownUserEvent

/** An entry as it is told. `people`: who is in it; `null` = they are left out. */
export type ShownEntry = Omit<ReplayEntry, 'event'> & { event: ShownEvent | null; people: ShownPeople | null }

/** The entry with these people, or with nobody. */
export function shownEntry({ event, ...entry }: ReplayEntry, people: ShownPeople | null): ShownEntry {
  return { ...entry, event: event && withoutPersonal(event), people }
}

/** The user whom an event makes or changes, as it says. */
export function userIn({ event }: ReplayEntry): User | null {
  return event && isUserEvent(event) ? event.data.user : null
}

/** Everybody who is in an entry: whom it is about, and who acted. */
export function subsIn({ principal, actor, event }: ReplayEntry): string[] {
  const by = event && 'revoked_by' in event.data ? event.data.revoked_by : null
  const named = [principal, by].flatMap((one) => (one?.type === 'user' ? [one.id] : []))
  return [...new Set([...named, ...(actor?.startsWith(USER) ? [actor.slice(USER.length)] : [])])]
}

const USER = 'user/'

// Whatever type of event has a user: one that is added later as well.
function isUserEvent(event: LedgerEvent): event is UserEvent {
  return 'user' in event.data
}

function withoutPersonal(event: LedgerEvent): ShownEvent {
  if (!isUserEvent(event)) return event
  const { personal, ...user } = event.data.user
  void personal
  return { ...event, data: { ...event.data, user } }
}
