import type { ReplayEntry } from '../../audit/replay/replay-entry.ts'
import { type Format, plain, renderTable } from './table.ts'

const PAGE = 200

/** Entries as text, piece by piece: a table in pages, one JSON array, or one JSON object a line. */
export async function* renderEntries(
  entries: AsyncIterable<ReplayEntry>,
  format: Format,
  colour: boolean,
): AsyncGenerator<string> {
  if (format === 'table') {
    yield* tables(entries, colour)
    return
  }
  let count = 0
  for await (const entry of entries) {
    if (format === 'json') yield count === 0 ? '[\n' : ',\n'
    yield format === 'json' ? JSON.stringify(entry) : `${JSON.stringify(entry)}\n`
    count++
  }
  if (format === 'json') yield count === 0 ? '[]\n' : '\n]\n'
}

async function* tables(entries: AsyncIterable<ReplayEntry>, colour: boolean): AsyncGenerator<string> {
  let page: string[][] = []
  for await (const entry of entries) {
    page.push(cells(entry, colour))
    if (page.length < PAGE) continue
    yield renderTable(HEAD, page, colour)
    page = []
  }
  if (page.length > 0) yield renderTable(HEAD, page, colour)
}

const HEAD = ['position', 'time', 'type', 'grant', 'client', 'principal', 'verdict', 'reason', 'actor']

function cells(entry: ReplayEntry, colour: boolean): string[] {
  const { position, time, type, subject, client_id, principal, verdict, reason, actor } = entry
  const who = principal ? `${principal.type}/${principal.id}` : ''
  const shown = verdict !== 'valid' && colour ? `\u001b[33m${verdict}\u001b[39m` : verdict
  const [grant = '', client = '', why = '', by = ''] = [subject, client_id, reason, actor].map((text) =>
    plain(text ?? ''),
  )
  return [positionText(position), time, plain(type), grant, client, plain(who), shown, why, by]
}

/** `grants/3@17`: the topic without the ledger's prefix, partition and offset. */
function positionText({ topic, partition, offset }: ReplayEntry['position']): string {
  return `${topic.slice(topic.lastIndexOf('.') + 1)}/${partition}@${offset}`
}
