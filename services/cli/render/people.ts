import type { ShownEntry, ShownPeople } from '../../audit/people/shown-entry.ts'

/** ` (user name, name, e-mail)` of a person, as far as there is one; or ` (forgotten)`. */
export function whoText(person: ShownPeople[string] | undefined): string {
  if (person === undefined) return ''
  if (typeof person === 'string') return ` (${person})`
  return ` (${[person.username, person.name, person.email].filter((one) => one !== null).join(', ')})`
}

/** The user name alone, or `forgotten`; `null` = nobody, or people are left out. */
export function usernameOf(name: string | null, people: ShownPeople | null): string | null {
  const person = name?.startsWith(USER) ? people?.[name.slice(USER.length)] : undefined
  return typeof person === 'object' ? person.username : (person ?? null)
}

/** Who acted, with all that names the person. */
export function actorText({ actor, people }: Pick<ShownEntry, 'actor' | 'people'>): string {
  return withPerson(actor ?? '', people)
}

/** `user/SUB`, with all that names the person behind it; anything else as it is. */
export function withPerson(name: string, people: ShownPeople | null): string {
  return name.startsWith(USER) ? `${name}${whoText(people?.[name.slice(USER.length)])}` : name
}

const USER = 'user/'
