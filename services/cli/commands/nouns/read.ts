import { Argument, type Command, Option } from 'commander'
import type { Filter, Noun } from './noun.ts'
import { optionOf } from './noun.ts'
import { addExamples, addShownOptions, ask, oneText, shownBy } from './noun-verb.ts'
import type { Entity } from './requests.ts'

/** `token-ledger NOUN list` and `get` */
export function addReadVerbs(group: Command, noun: Noun): void {
  const { plural, one, example } = noun
  const list = group.command('list').description(`list ${plural}, in the order of their names`)
  for (const filter of noun.filters) for (const option of filterOptions(filter)) list.addOption(option)
  list.option('--limit <number>', 'so many at most')
  const examples = [`${plural} list ${example.list}`, `${plural} list --format jsonl > ${plural}.jsonl`]
  addExamples(addShownOptions(list), examples, PAGES).action(async (_options: object, command: Command) => {
    const { query, limit } = queryFrom(command, noun)
    const { renderPages } = await import('./show.ts')
    await ask(command, async ({ pages }) => {
      return renderPages(await told(pages(noun, query, limit), plural), noun, shownBy(command))
    })
  })
  const get = group
    .command('get')
    .description(`show one ${one} as it stands`)
    .addArgument(new Argument(`<${noun.id}>`))
  addExamples(addShownOptions(get), [
    `${plural} get ${example.name}`,
    `${plural} get ${example.name} --format yaml`,
  ]).action(async (id: string, _options: object, command: Command) => {
    await ask(command, async ({ read }) => oneText(command, noun, await read(noun, id)))
  })
}

const PAGES = 'Prints while the pages come, so that a list may be of any length.'

function filterOptions({ name, type, about, option, choices }: Filter): Option[] {
  if (type === 'flag')
    return [new Option(`--${name}`, about).conflicts('disabled'), new Option('--disabled', 'the contrary')]
  const made = new Option(`--${option ?? optionOf(name)} <${option ?? 'text'}>`, about)
  return [choices ? made.choices(choices) : made]
}

function queryFrom(command: Command, { filters }: Noun): { query: Record<string, string>; limit: number } {
  const options = command.opts<Record<string, unknown>>()
  const { limit = '' } = command.opts<{ limit?: string }>()
  if (limit !== '' && !/^[1-9]\d{0,8}$/.test(limit)) command.error('error: --limit must be a whole number, 1 or more')
  const query = filters.flatMap(({ name, type, option }): [string, string][] => {
    const said = options[new Option(`--${option ?? optionOf(name)}`).attributeName()]
    if (type === 'flag' && options['disabled'] === true) return [[name, 'false']]
    return typeof said === 'string' || said === true ? [[name, String(said)]] : []
  })
  return { query: Object.fromEntries(query), limit: limit === '' ? Infinity : Number(limit) }
}

/** The pages; on a terminal it is told meanwhile how many there are, where they go to a file. */
async function told(pages: AsyncIterable<Entity[]>, plural: string): Promise<AsyncIterable<Entity[]>> {
  if (process.stdout.isTTY || !process.stderr.isTTY) return pages
  const { counting } = await import('../../render/progress.ts')
  return counting(process.stderr, pages, plural)
}
