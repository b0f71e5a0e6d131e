import { placeText, type TopicPartition } from '../../../shared/event-log/places.ts'
import { mendingOf } from '../../audit/status/mending.ts'
import type { ProjectionStatus } from '../../audit/status/projection-status.ts'
import type { StoppedAt } from '../../audit/stopped-at.ts'
import type { VerifyReport } from '../../audit/verify/verify.ts'
import { dataText, type Format, type Look, type Text } from './formats.ts'
import { fit, plain, renderTable } from './table.ts'
import { renderSkipCommands } from './skip-command.ts'

/** How the partitions stand, as a table, one array, or one object a line. */
export function renderStatus(
  { healthy, partitions, unreadable }: ProjectionStatus,
  format: Format,
  { width, colour }: Look,
): Text {
  if (format !== 'table') return dataText(partitions, format, partitions)
  const rows = partitions.map(({ topic, partition, next, end, lag, age_ms, status, voids, problem }) => [
    width === null ? placeText({ topic, partition }) : `${topic.slice(topic.lastIndexOf('.') + 1)}/${partition}`,
    String(next ?? '-'),
    String(end ?? '-'),
    String(lag ?? '-'),
    age_ms === null ? 'never' : `${(age_ms / 1000).toFixed(1)} s`,
    status,
    String(voids),
    plain(problem ?? ''),
  ])
  const mending = mendingOf(partitions)
    .map((sentence) => `${plain(sentence)}\n`)
    .join('')
  const table = renderTable(STATUS_HEAD, fit(STATUS_HEAD, rows, width), colour)
  return `${table}\n${healthy ? 'healthy' : 'NOT HEALTHY: --wide and --format json tell each problem whole'}\n${mending}${lost(unreadable)}${skipCommands(partitions)}`
}

function lost(unreadable: number): string {
  if (unreadable === 0) return ''
  return `${unreadable} of the people cannot be named: their keys are lost, until each person is put again\n`
}

const STATUS_HEAD = ['partition', 'next', 'log end', 'lag', 'age', 'status', 'voids', 'problem']

/** How many bearer tokens were swept. */
export function renderSwept(removed_tokens: number, format: Format): Text {
  if (format !== 'table') return dataText({ removed_tokens }, format)
  return `removed ${removed_tokens} bearer tokens that had been dead for an hour or longer\n`
}

/** Whether the read model is what the log says; the first difference if not. */
export function renderVerify(report: VerifyReport, format: Format): Text {
  if (format !== 'table') return dataText(report, format)
  const { difference, partitions } = report
  if (difference) return `${renderDifference(difference)}${skipCommands(partitions)}`
  const sum = (of: 'records' | 'voids' | 'skipped') => partitions.reduce((total, partition) => total + partition[of], 0)
  const skipped = sum('skipped') > 0 ? `, ${sum('skipped')} skipped beside them` : ''
  const compared = `${partitions.length} partitions, ${sum('records')} records, ${sum('voids')} of them void${skipped}`
  return `equal: the live read model and its hash chain are what the log says (${compared})\n${skipCommands(partitions)}`
}

function skipCommands(partitions: (TopicPartition & { stopped: StoppedAt | null })[]): string {
  return renderSkipCommands(
    partitions.flatMap(({ stopped, topic, partition }) => (stopped ? [{ topic, partition, ...stopped }] : [])),
  )
}

function renderDifference({ table, key, column, log, read_model }: NonNullable<VerifyReport['difference']>): string {
  const where = column === null ? `${table}, ${key}` : `${table}, ${key}, column ${column}`
  return [
    `DIFFERENT: ${plain(where)}`,
    `  the log says         ${plain(JSON.stringify(log))}`,
    `  the read model says  ${plain(JSON.stringify(read_model))}`,
    '',
  ].join('\n')
}
