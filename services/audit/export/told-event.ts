import type { ShownEntry, ShownPeople } from '../people/shown-entry.ts'

/** Whether an event is about this person, or one of the person's grants; else the person only acted. */
export function isAbout({ principal }: Pick<ShownEntry, 'principal'>, sub: string): boolean {
  return principal?.type === 'user' && principal.id === sub
}

/** What the person was called by the event that put the user; `null` = it puts none. */
export function namedIn({ event, people }: ShownEntry, sub: string): ShownPeople[string] | null {
  return event && 'user' in event.data ? (people?.[sub] ?? null) : null
}

/** An event as the copy of a person has it. Of one that concerns somebody else: that, and when, the person acted. */
export function toldEvent(entry: ShownEntry, sub: string): object {
  const { position, time, type, verdict, requestid, clientaddress } = entry
  const happened = { position, time, type, verdict, requestid, clientaddress }
  if (!isAbout(entry, sub)) return { ...happened, about: 'what the person did to somebody or something else' }
  const { reason, grant_id, client_id, actor, event } = entry
  const data = event && toldData(event.data)
  return { ...happened, about: 'the person', reason, grant_id, client_id, actor, personal: namedIn(entry, sub), data }
}

// Hashes of what nobody is told: indexes of a name and of an account elsewhere, and what a code is proved by.
const LEFT_OUT = new Set(['username_index', 'sub_index', 'code_challenge'])

function toldData(data: object): unknown {
  return JSON.parse(JSON.stringify(data, (name, value: unknown) => (LEFT_OUT.has(name) ? undefined : value)))
}
