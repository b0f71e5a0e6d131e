import { isNeeded } from '../../../shared/process/soundness/key-soundness.ts'
import { countText, type KeyUse } from '../../../shared/read-model/key-uses/key-uses.ts'

/** How a key is configured where it was asked, and what the log knows of it. */
export type KeyFacts = {
  /** `null` = not known, because the process that was asked has no secrets. */
  configured: boolean | null
  /** Whether new tokens are made with it. */
  current: boolean | null
  /**
   * What the log knows of it. `unproven`: things were made with it, and nothing has proved it yet. `new`: nothing ever
   * was, and it was not introduced.
   */
  state: 'introduced' | 'unproven' | 'retired' | 'new'
  /** For which purposes the configured key is another one than the log knows. */
  differs: string[]
  /** It was introduced and not retired, or something that lives needs it, and it is not configured. */
  missing: boolean
  /** How many keys of persons are wrapped under it. */
  person_keys: number
  /** How many passwords of users are stored under its pepper. */
  passwords: number
}

/** What to do about a key next, in a sentence. */
export function nextStep(use: KeyUse, told: KeyFacts): string {
  const { kid } = use
  if (told.differs.length > 0)
    return `kid ${kid} IS ANOTHER KEY than the one in the log (${told.differs.join(', ')}): put the right one back, and give a new key a new kid`
  if (told.state === 'retired') return whenRetired(kid, told)
  if (told.missing) return whenMissing(use, told)
  const unproven = told.state === 'unproven' ? '; it is unproven until a token or client secret of it is used' : ''
  if (told.current) return `kid ${kid} is current: new tokens are made with it${unproven}`
  if (isNeeded(use)) return `kid ${kid} is needed ${needs(use)}${unproven}`
  if (told.person_keys > 0) return `kid ${kid} wraps ${told.person_keys} keys of persons: ${REWRAP}`
  if (told.passwords > 0)
    return `kid ${kid} is needed by ${told.passwords} passwords: each is stored anew when its user logs in; set or remove those that are left`
  if (use.last_made === null) return `kid ${kid} is not used yet: put it first once every process has it`
  return `kid ${kid} is needed no longer: say so with "keys retire --kid ${kid}", and then take it out`
}

const REWRAP = '"keys rewrap" wraps them under the current one'

function whenRetired(kid: number, { configured, current, person_keys }: KeyFacts): string {
  if (current) return `kid ${kid} WAS RETIRED and is first: put another key first, with a kid that was never used`
  if (person_keys > 0)
    return `kid ${kid} WAS RETIRED AND WRAPS ${person_keys} keys of persons, made by a process that still had it first: with it second, ${REWRAP}`
  return configured ? `kid ${kid} is retired: take it out` : `kid ${kid} is retired, and never used again`
}

function whenMissing(use: KeyUse, { person_keys, passwords }: KeyFacts): string {
  const { kid, grants, clients, capped } = use
  const wrapped = person_keys > 0 ? [`give up what it wraps of people with "keys rewrap --lost"`] : []
  if (!isNeeded(use) && wrapped.length === 0 && passwords === 0)
    return `kid ${kid} IS MISSING: put its key back, or retire it with "keys retire --kid ${kid}"`
  const end = [
    ...(grants > 0 || capped ? [`end ${countText(grants, use)} grants with "keys revoke --kid ${kid}"`] : []),
    ...(clients.length > 0 ? [`give ${clients.length} clients a new secret`] : []),
    ...(passwords > 0 ? [`set ${passwords} passwords anew`] : []),
    ...wrapped,
  ]
  return `kid ${kid} IS MISSING: put its key back, or ${end.join(' and ')}`
}

function needs({ grants, clients, ends, capped }: KeyUse): string {
  const needed = [
    ...(grants > 0 || capped ? [untilWhen(ends, grants)] : []),
    ...(clients.length > 0 ? [`by the secrets of ${clients.length} clients until each has a new one`] : []),
  ]
  return needed.join(', and ')
}

const MAYBE = 'unless all of its tokens are dead: those counted are, and ask again when they were swept, in an hour'

function untilWhen(ends: number | null, grants: number): string {
  if (ends === null) return grants > 0 ? 'by more tokens than were counted' : MAYBE
  return ends === Infinity ? 'for ever, by tokens that do not expire' : `until ${timeOf(ends)}`
}

/** Rounded up: what is needed until then must not be gone a moment earlier. */
export function timeOf(seconds: number): string {
  return seconds === Infinity ? 'never' : new Date(Math.ceil(seconds) * 1000).toISOString().replace('.000', '')
}
