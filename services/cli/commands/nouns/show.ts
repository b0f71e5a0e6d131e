import { dataText, eachText, type Format, type Look, type Text } from '../../render/formats.ts'
import { fit, plain, renderTable, shortId } from '../../render/table.ts'
import type { Noun } from './noun.ts'
import type { Entity } from './requests.ts'

export type Shown = { format: Format; quiet: boolean; look: Look }

/** A list while its pages come: tables, data, or each id on a line. */
export function renderPages(pages: AsyncIterable<Entity[]>, noun: Noun, { format, quiet, look }: Shown): Text {
  if (quiet) return idsOf(pages, noun)
  return format === 'table' ? tablesOf(pages, noun, look) : eachText(entitiesOf(pages), format)
}

async function* entitiesOf(pages: AsyncIterable<Entity[]>): AsyncGenerator<Entity> {
  for await (const page of pages) yield* page
}

async function* idsOf(pages: AsyncIterable<Entity[]>, { id }: Noun): AsyncGenerator<string> {
  for await (const page of pages) yield page.map((entity) => `${plain(cellOf(entity[id]))}\n`).join('')
}

async function* tablesOf(pages: AsyncIterable<Entity[]>, noun: Noun, { width, colour }: Look): AsyncGenerator<string> {
  const names = [...noun.columns, ...(width === null ? noun.wide : [])]
  const head = names.map((name) => name.replaceAll('_', ' '))
  for await (const page of pages) {
    if (page.length === 0) continue
    const cell = (entity: Entity, name: string) => {
      const text = plain(cellOf(entity[name]))
      return name === noun.id || width === null ? text : shortId(text)
    }
    const rows = page.map((entity) => names.map((name) => cell(entity, name)))
    // Whoever sees an id wants to name it next.
    yield renderTable(head, fit(head, rows, width, names.indexOf(noun.id)), colour)
  }
}

/** One as it stands: its members below each other, data, or its id alone. */
export function renderOne(entity: Entity, noun: Noun, { format, quiet, look }: Shown): Text {
  if (quiet) return `${plain(cellOf(entity[noun.id]))}\n`
  return format === 'table' ? membersText(entity, look) : dataText(entity, format)
}

function membersText(entity: Entity, { width }: Look): string {
  const margin = Math.max(...Object.keys(entity).map(({ length }) => length)) + 2
  const lines = Object.entries(entity).flatMap(([name, value]) => {
    const texts = (Array.isArray(value) && value.length > 0 ? value : [value]).map((one) => plain(cellOf(one)))
    const folded = width === null ? texts : texts.flatMap((text) => foldedAt(text, width - margin))
    return folded.map((text, at) => `${(at === 0 ? name : '').padEnd(margin)}${text}`.trimEnd())
  })
  return lines.map((line) => `${line}\n`).join('')
}

function cellOf(value: unknown): string {
  if (value === null || value === undefined) return '-'
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (Array.isArray(value)) return value.map(cellOf).join(' ')
  if (typeof value === 'object') return Object.values(value).map(cellOf).join(' ')
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** Pieces that are this wide at most, cut behind a space where there is one. */
function foldedAt(text: string, width: number): string[] {
  if (text.length <= width) return [text]
  const space = text.lastIndexOf(' ', width)
  const cut = space > 0 ? space : width
  return [text.slice(0, cut), ...foldedAt(text.slice(cut).trimStart(), width)]
}
