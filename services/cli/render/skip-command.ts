import { skipCommand } from '../../../shared/event-log/skips.ts'

/** How to go on without records that cannot be read: the command for each, ready but for its reason. */
export function renderSkipCommands(records: Parameters<typeof skipCommand>[0][]): string {
  if (records.length === 0) return ''
  const lines = ['If no newer release can read it, this goes on without it, for ever:', ...records.map(skipCommand)]
  return `${lines.join('\n  ')}\n`
}
