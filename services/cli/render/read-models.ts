import { GONE_AFTER } from '../../../shared/read-model/versions/processes.ts'
import type { ReadModelList } from '../../admin/projection/read-models.ts'
import { dataText, type Format, type Look, type Text } from './formats.ts'
import { fit, plain, renderTable } from './table.ts'

/** Every read model with who reads it, and every process with what it reads and keeps up. */
export function renderReadModels(list: ReadModelList, format: Format, { width, colour }: Look): Text {
  if (format !== 'table') return dataText(list, format, list.read_models)
  const { read_models, processes } = list
  const models = read_models.map(({ schema_name, layout, built_at, chosen }) => [
    schema_name,
    String(layout),
    built_at === null ? 'being built' : built_at.slice(0, 19).replace('T', ' '),
    chosen ? 'yes' : '',
    String(processes.filter(({ reads }) => reads === schema_name).length),
    String(processes.filter(({ projects }) => projects.includes(schema_name)).length),
  ])
  const rows = processes.map(({ services, host, pid, release, reads, pinned, projects }) => [
    services.join(' '),
    plain(host),
    String(pid),
    plain(release),
    `${reads ?? '-'}${pinned ? ' (set)' : ''}`,
    projects.join(' ') || '-',
  ])
  const tables = [
    renderTable(MODELS, fit(MODELS, models, width), colour),
    rows.length === 0
      ? `no process of this release was seen in the last ${GONE_AFTER}\n`
      : renderTable(PROCESSES, fit(PROCESSES, rows, width), colour),
  ]
  return tables.join('\n')
}

const MODELS = ['read model', 'layout', 'built (UTC)', 'chosen', 'readers', 'projectors']
const PROCESSES = ['process', 'host', 'pid', 'release', 'reads', 'keeps up']
