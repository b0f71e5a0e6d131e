import Table from 'cli-table3'

export const FORMATS = ['table', 'json', 'jsonl'] as const

export type Format = (typeof FORMATS)[number]

/** A table without lines; colours only where asked for, so that a pipe gets plain text. */
export function renderTable(head: string[], rows: string[][], colour: boolean): string {
  const table = new Table({
    head,
    chars: NO_LINES,
    style: { head: colour ? ['bold'] : [], border: [], 'padding-left': 0 },
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
