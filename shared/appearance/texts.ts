import { ENGLISH, type TextName } from './english.ts'

/** The texts of the pages in one language. */
export type Texts = Readonly<Record<TextName, string>>

const MOST_CHARACTERS = 500

/**
 * Texts as an operator gives them in JSON; what is missing stays English. Throws an Error that lists every problem: a
 * name that is none, a text that is none, a placeholder too many or too few.
 */
export function readTexts(json: string): Texts {
  const given = objectIn(json)
  const problems = Object.entries(given).flatMap(([name, text]) => problemsOf(name, text))
  if (problems.length > 0) throw new Error(problems.join('; '))
  return { ...ENGLISH, ...given }
}

function objectIn(json: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    throw new Error('it is not JSON')
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw new Error('it is not a JSON object')
  return value as Record<string, unknown>
}

function problemsOf(name: string, text: unknown): string[] {
  if (!isTextName(name)) return [`there is no text ${JSON.stringify(name.slice(0, 60))}`]
  if (typeof text !== 'string' || text.trim() === '') return [`${name} is not a text`]
  if (text.length > MOST_CHARACTERS) return [`${name} is longer than ${MOST_CHARACTERS} characters`]
  if (name === 'language' && !isLanguage(text)) return ['language is not a language tag such as "de" (BCP 47)']
  if (name === 'direction' && text !== 'ltr' && text !== 'rtl') return ['direction is neither "ltr" nor "rtl"']
  const [mine, theirs] = [placeholdersIn(ENGLISH[name]), placeholdersIn(text)]
  const lacks = mine.filter((one) => !theirs.includes(one)).map((one) => `${name} lacks {${one}}`)
  const strange = theirs.filter((one) => !mine.includes(one)).map((one) => `${name} has no {${one}}`)
  return [...lacks, ...strange]
}

function isTextName(name: string): name is TextName {
  return Object.hasOwn(ENGLISH, name)
}

function isLanguage(text: string): boolean {
  try {
    return Intl.getCanonicalLocales(text).length === 1
  } catch {
    return false
  }
}

function placeholdersIn(text: string): string[] {
  return [...text.matchAll(/\{([^{}]*)\}/g)].map(([, name = '']) => name)
}
