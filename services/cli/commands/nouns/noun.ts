/** How the value of a member is written on a command line. */
export type MemberType =
  | 'text'
  /** Names, with commas between them or one option each. */
  | 'list'
  /** Values that may have commas, one option each. */
  | 'values'
  /** `METHOD /path`, one option each. */
  | 'templates'
  | 'number'
  /** Two options, for true and for false. */
  | 'flag'

/** A member that can be said; its option has hyphens where its name has underscores. */
export type Member = {
  name: string
  type: MemberType
  about: string
  choices?: readonly string[]
  /** The word for `null`, where that is a value of its own and not the default. */
  never?: string
  /** Must be said when one is made. */
  required?: true
  /** Is said when one is made, and never changes. */
  fixed?: true
}

/** A parameter that narrows a list. */
export type Filter = {
  name: string
  type: 'text' | 'flag'
  about: string
  option?: string
  choices?: readonly string[]
}

/** What the administration is about: how it is found, shown, narrowed and described. */
export type Noun = {
  plural: string
  one: string
  /** The member that names one, in the path too. */
  id: string
  /** Whether its name is said when one is made; else the service makes it. */
  made: 'named' | 'named or not' | 'unnamed'
  members: readonly Member[]
  /** Members of an answer that no request takes. */
  shownOnly: readonly string[]
  filters: readonly Filter[]
  /** What a list shows of each, and what it shows too where there is room. */
  columns: readonly string[]
  wide: readonly string[]
  /** As it stands behind the verb in an example. */
  example: { name: string; create: string; update: string; list: string }
}

/** The option of a member or filter, without its hyphens. */
export function optionOf(name: string): string {
  return name.replaceAll('_', '-')
}
