import type { ShownEntry } from '../../audit/people/shown-entry.ts'
import { eachText, type Format, type Look } from './formats.ts'
import { usernameOf, withPerson } from './people.ts'
import { fit, plain, renderTable, shortId, shortTime } from './table.ts'

const PAGE = 200

/** Entries as text, piece by piece: a table in pages, or data. */
export function renderEntries(entries: AsyncIterable<ShownEntry>, format: Format, look: Look): AsyncGenerator<string> {
  return format === 'table' ? tables(entries, look) : eachText(entries, format)
}

async function* tables(entries: AsyncIterable<ShownEntry>, look: Look): AsyncGenerator<string> {
  let page: ShownEntry[] = []
  for await (const entry of entries) {
    page.push(entry)
    if (page.length < PAGE) continue
    yield tableOf(page, look)
    page = []
  }
  if (page.length > 0) yield tableOf(page, look)
}

function tableOf(page: ShownEntry[], { width, colour }: Look): string {
  const head = width === null ? WIDE_HEAD : HEAD
  const rows = fit(head, page.map(width === null ? wideCells : cells), width)
  const verdict = head.indexOf('verdict')
  const tinted = rows.map((row, at) =>
    page[at]?.verdict === 'valid' ? row : row.with(verdict, yellow(row[verdict] ?? '')),
  )
  return renderTable(head, colour ? tinted : rows, colour)
}

function yellow(text: string): string {
  return `\u001b[33m${text}\u001b[39m`
}

const HEAD = ['time', 'type', 'grant', 'verdict', 'actor']

function cells({ time, type, subject, verdict, reason, actor, people }: ShownEntry): string[] {
  const why = reason === null || verdict === 'valid' ? '' : ` ${plain(reason)}`
  // A name instead of what it stands for: there is no room for both.
  const [about, by] = [subject, actor].map((name) => plain(usernameOf(name, people) ?? name ?? ''))
  return [shortTime(time), plain(type), shortId(about ?? ''), `${verdict}${why}`, by ?? '']
}

const WIDE_HEAD = ['position', 'time', 'type', 'grant', 'client', 'principal', 'verdict', 'reason', 'actor']

function wideCells({
  position,
  time,
  type,
  subject,
  client_id,
  principal,
  verdict,
  reason,
  actor,
  people,
}: ShownEntry): string[] {
  const who = principal ? withPerson(`${principal.type}/${principal.id}`, people) : ''
  const acting = withPerson(actor ?? '', people)
  const [grant = '', client = '', why = '', by = ''] = [subject, client_id, reason, acting].map((text) =>
    plain(text ?? ''),
  )
  return [positionText(position), time, plain(type), grant, client, plain(who), verdict, why, by]
}

/** `grants/3@17`: the topic without the ledger's prefix, partition and offset. */
function positionText({ topic, partition, offset }: ShownEntry['position']): string {
  return `${topic.slice(topic.lastIndexOf('.') + 1)}/${partition}@${offset}`
}
