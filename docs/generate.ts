import { readFile, writeFile } from 'node:fs/promises'
import { format, resolveConfig } from 'prettier'
import { settingsTable } from '../shared/config/settings-table.ts'
import { eventsDocument } from './events-document.ts'

/** `npm run docs`: writes what is generated: docs/events.md, and the table of settings in README.md. */
const BEGIN = '<!-- settings: written by `npm run docs` -->'
const END = '<!-- end of settings -->'

/** The generated documents as they must be, by path from the root. */
export async function generated(root: URL): Promise<Map<string, string>> {
  const readme = await readFile(new URL('README.md', root), 'utf8')
  const documents = { 'README.md': withSettings(readme), 'docs/events.md': eventsDocument() }
  const formatted = Object.entries(documents).map(async ([path, text]): Promise<[string, string]> => {
    const options = await resolveConfig(new URL(path, root))
    return [path, await format(text, { ...options, parser: 'markdown' })]
  })
  return new Map(await Promise.all(formatted))
}

/** The README with the table between its markers replaced. Throws when a marker is missing. */
function withSettings(readme: string): string {
  const [begin, end] = [readme.indexOf(BEGIN), readme.indexOf(END)]
  if (begin < 0 || end < begin) throw new Error(`README.md lacks the markers ${BEGIN} and ${END}`)
  return `${readme.slice(0, begin + BEGIN.length)}\n\n${settingsTable()}\n${readme.slice(end)}`
}

if (process.argv[1] === import.meta.filename) {
  const root = new URL('../', import.meta.url)
  for (const [path, text] of await generated(root)) await writeFile(new URL(path, root), text)
}
