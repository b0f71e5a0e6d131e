import { readFile, writeFile } from 'node:fs/promises'
import { format, resolveConfig } from 'prettier'
import { settingsTable } from '../../shared/config/settings-table.ts'
import { eventsDocument } from './events-document.ts'

/** `npm run docs`: writes what is generated: docs/events.md, and the table in docs/settings.md. */
const BEGIN = '<!-- settings: written by `npm run docs` -->'
const END = '<!-- end of settings -->'

/** The generated documents as they must be, by path from the root. */
export async function generated(root: URL): Promise<Map<string, string>> {
  const settings = await readFile(new URL('docs/settings.md', root), 'utf8')
  const documents = { 'docs/settings.md': withTable(settings), 'docs/events.md': eventsDocument() }
  const formatted = Object.entries(documents).map(async ([path, text]): Promise<[string, string]> => {
    const options = await resolveConfig(new URL(path, root))
    return [path, await format(text, { ...options, parser: 'markdown' })]
  })
  return new Map(await Promise.all(formatted))
}

/** The page with the table between its markers replaced. Throws when a marker is missing. */
function withTable(page: string): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)]
  if (begin < 0 || end < begin) throw new Error(`docs/settings.md lacks the markers ${BEGIN} and ${END}`)
  return `${page.slice(0, begin + BEGIN.length)}\n\n${settingsTable()}\n${page.slice(end)}`
}

if (process.argv[1] === import.meta.filename) {
  const root = new URL('../../', import.meta.url)
  for (const [path, text] of await generated(root)) await writeFile(new URL(path, root), text)
}
