import { type Command, InvalidArgumentError, Option } from 'commander'
import { readNamedFile } from '../../../../shared/config/secret-file.ts'
import { type Member, type Noun, optionOf } from './noun.ts'
import type { Entity } from './requests.ts'

type Verb = 'create' | 'update'
type Options = Record<string, unknown>

/** An option for each member that this verb takes, one for all that are to be removed, and one for a file with all. */
export function addMemberOptions(command: Command, noun: Noun, verb: Verb): Command {
  for (const member of membersOf(noun, verb)) for (const option of optionsOf(member)) command.addOption(option)
  if (verb === 'update') {
    const removable = noun.members.filter(({ required, fixed, never }) => !required && !fixed && never === undefined)
    const names = removable.map(({ name }) => name)
    command.addOption(new Option('--unset <members...>', 'members to have their defaults again').choices(names))
  }
  return command.option('--file <file>', 'all of it as JSON or YAML, from a file or (-) stdin; options win')
}

function membersOf({ members }: Noun, verb: Verb): readonly Member[] {
  return verb === 'create' ? members : members.filter(({ fixed }) => !fixed)
}

const VALUE = { text: 'text', list: 'names', values: 'value', templates: 'template', number: 'number' }

function optionsOf({ name, type, about, choices, never }: Member): Option[] {
  if (type === 'flag')
    return [new Option(`--${name}`, about).conflicts('disabled'), new Option('--disabled', 'the contrary')]
  const option = new Option(
    `--${optionOf(name)} <${VALUE[type]}>`,
    never === undefined ? about : `${about} or "${never}"`,
  )
  if (choices) return [option.choices(choices)]
  if (type === 'text') return [option]
  return [type === 'number' ? option.argParser(numberOr(never)) : option.argParser(collecting(type))]
}

function numberOr(never: string | undefined) {
  // Commander takes null for an option without a value: the word becomes it later.
  return (text: string): number | string => {
    if (text === never) return text
    if (/^\d{1,10}$/.test(text)) return Number(text)
    throw new InvalidArgumentError(`It must be a whole number${never === undefined ? '' : ` or "${never}"`}.`)
  }
}

function collecting(type: 'list' | 'values' | 'templates') {
  return (text: string, before: unknown[] = []): unknown[] => {
    const said = type === 'list' ? text.split(',').filter((name) => name !== '') : [text]
    return [...before, ...(type === 'templates' ? said.map(templateOf) : said)]
  }
}

function templateOf(text: string): { method: string; path: string } {
  const [, method, path] = /^(\S+) (\S+)$/.exec(text) ?? []
  if (method !== undefined && path !== undefined) return { method, path }
  throw new InvalidArgumentError('It must be a method and a path ("GET /orders/{id}").')
}

/** The body that options and file say; the command ends as wrong usage where they say nothing, or too little. */
export async function bodyFrom(command: Command, noun: Noun, verb: Verb): Promise<Entity> {
  const options = command.opts<Options>()
  const { file, unset = [] } = command.opts<{ file?: string; unset?: string[] }>()
  const whole = file === undefined ? {} : without(await bodyIn(command, file), noun.shownOnly)
  const body = { ...whole, ...saidIn(options, noun, verb), ...Object.fromEntries(unset.map((name) => [name, null])) }
  const lacking = noun.members.filter(({ required, name }) => verb === 'create' && required && !(name in body))
  for (const { name } of lacking) command.error(`error: required option '--${optionOf(name)}' not specified`)
  if (verb === 'update' && Object.keys(body).length === 0) command.error('error: nothing is to be changed')
  return body
}

function saidIn(options: Options, noun: Noun, verb: Verb): Entity {
  const said = membersOf(noun, verb).map(({ name, type, never }): [string, unknown] => {
    if (type === 'flag') return [name, options['disabled'] === true ? false : options[name]]
    const value = options[new Option(`--${optionOf(name)}`).attributeName()]
    return [name, value !== undefined && value === never ? null : value]
  })
  return Object.fromEntries<unknown>(said.filter(([, value]) => value !== undefined))
}

function without(body: Entity, names: readonly string[]): Entity {
  return Object.fromEntries(Object.entries(body).filter(([name]) => !names.includes(name)))
}

async function bodyIn(command: Command, file: string): Promise<Entity> {
  const { text, problem } = file === '-' ? { text: await stdin(), problem: undefined } : readNamedFile(file)
  if (problem !== undefined) command.error(`error: --file: ${problem}`)
  const { parse } = await import('yaml')
  try {
    const body: unknown = parse(text, { logLevel: 'silent' })
    if (typeof body === 'object' && body !== null && !Array.isArray(body)) return { ...body }
  } catch {
    // Told below: what the parser says of it shows some of it.
  }
  command.error('error: --file: it is neither a JSON object nor a YAML mapping')
}

async function stdin(): Promise<string> {
  let text = ''
  for await (const chunk of process.stdin.setEncoding('utf8')) text += String(chunk)
  return text
}
