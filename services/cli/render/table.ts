import Table from 'cli-table3'

/**
 * Cells cut so that each row fits: the widest column gives way first, none below its title, and that of `last` when no
 * other can. `null`: they stay whole.
 */
export function fit(head: string[], rows: string[][], width: number | null, last = -1): string[][] {
  if (width === null) return rows
  const widths = head.map((title, at) => Math.max(title.length, ...rows.map((row) => row[at]?.length ?? 0)))
  const spare = () => {
    const all = widths.map((one, at) => (one > (head[at]?.length ?? 0) ? one : 0))
    const others = all.map((one, at) => (at === last ? 0 : one))
    return Math.max(...others) > 0 ? others : all
  }
  while (widths.reduce((sum, one) => sum + one + 1, -1) > width && Math.max(...spare()) > 0) {
    const widest = spare().indexOf(Math.max(...spare()))
    widths[widest] = (widths[widest] ?? 0) - 1
  }
  return rows.map((row) => row.map((cell, at) => cut(cell, widths[at] ?? 0)))
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`
}

const UUID_LENGTH = 36

/** The end of a UUIDv7: it begins with its time, which neighbours share. A name stays whole. */
export function shortId(id: string): string {
  return /^[\da-f-]+$/.test(id) && id.length === UUID_LENGTH ? `…${id.slice(-8)}` : id
}

/** `11-26 12:58:08` in UTC: of a time as it stands in events. */
export function shortTime(time: string): string {
  return time.slice(5, 19).replace('T', ' ')
}

/** A table without lines; colours only where asked for, so that a pipe gets plain text. */
export function renderTable(head: string[], rows: string[][], colour: boolean): string {
  const table = new Table({
    head,
    chars: NO_LINES,
    style: { head: colour ? ['bold'] : [], border: [], 'padding-left': 0, 'padding-right': 0 },
  })
  table.push(...rows)
  return `${table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')}\n`
}

const NO_LINES = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: ' ',
}

/** Text from an event, fit for a terminal: no control or formatting character of it gets through. */
export function plain(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, '?')
}
