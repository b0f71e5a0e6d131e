import type { GrantLife } from '../../audit/replay/grant-life.ts'
import type { ShownEntry } from '../../audit/people/shown-entry.ts'
import { actorText, whoText } from './people.ts'
import { plain } from './table.ts'

/** A grant's life as one reads it: whose it is, what happened and after how long, and what is left of it. */
export function renderLife(life: GrantLife): string {
  const { grant_id, client, principal, people, grant_type, scope, events } = life
  const name = client.client_name === null ? '' : ` (${client.client_name} ${client.client_version})`
  const who = principal.type === 'user' ? whoText(people?.[principal.id]) : ''
  const head = [
    `Grant ${grant_id}`,
    `  client     ${client.client_id}${name}`,
    `  principal  ${principal.type} ${principal.id}${who}`,
    `  scope      ${scope}`,
    `  made by    ${grant_type}`,
  ]
  const story = events.map((entry, n) => line(entry, events[n - 1]))
  return `${[...head, '', ...story, '', ...now(life)].map(plain).join('\n')}\n`
}

function line(entry: ShownEntry, before: ShownEntry | undefined): string {
  const gap = before ? `+${duration(Date.parse(entry.time) - Date.parse(before.time))}` : ''
  const from = entry.clientaddress === null ? '' : ` from ${entry.clientaddress}`
  const by = entry.actor === null ? '' : `, by ${actorText(entry)}${from}`
  return `${entry.time}  ${gap.padStart(10)}  ${happened(entry)}${by}`
}

function happened(entry: ShownEntry): string {
  if (entry.verdict === 'unreadable') return `UNREADABLE, nothing after it has a verdict: ${entry.reason}`
  if (entry.verdict === 'skipped')
    return `SKIPPED (${entry.reason}), changed nothing: a record that could not be folded`
  const what = told(entry)
  return entry.verdict === 'void' ? `VOID (${entry.reason}), changed nothing: ${what}` : what
}

function told({ event, type }: ShownEntry): string {
  switch (event?.type) {
    case 'AuthorizationGranted':
      return `authorized for "${event.data.scope}", code for ${event.data.code_lifetime} s`
    case 'CodeExchanged':
      return 'exchanged the code for generation 1'
    case 'TokenIssued':
      return `issued generation 1 for "${event.data.scope}", access token ${lifetime(event.data.access_token_lifetime)}`
    case 'TokenRefreshed':
      return `refreshed to generation ${event.data.access_generation} for "${event.data.scope}", access token ${lifetime(event.data.access_token_lifetime)}`
    case 'TokenReuseDetected':
      return `REUSE: the spent refresh token of generation ${event.data.presented_generation} was presented again`
    case 'TokenRevoked':
      return `revoked: ${event.data.reason} (by ${event.data.revoked_by.type} ${event.data.revoked_by.id})`
    default:
      return type
  }
}

function now({ now: { at, status, because, access_tokens, refresh_token } }: GrantLife): string[] {
  const state = because === null ? status : `${status}, but nothing of it can be used: ${because}`
  const ended = status === 'revoked' ? `revoked (${because}): nothing of it can be used` : state
  const access = access_tokens.map(({ generation, exp }) => `  access token of generation ${generation}, ${end(exp)}`)
  const left = refresh_token?.refreshes_left
  const count = left === null || left === undefined ? '' : `, ${left} refreshes left`
  const refresh = refresh_token
    ? [`  refresh token of generation ${refresh_token.generation}, ${end(refresh_token.until)}${count}`]
    : []
  return [`Now (${at}): ${ended}`, ...access, ...refresh]
}

function end(exp: number | null): string {
  return exp === null ? 'without end' : `until ${new Date(exp * 1000).toISOString()}`
}

function lifetime(seconds: number | null): string {
  return seconds === null ? 'without end' : `for ${seconds} s`
}

/** A gap in the two largest units that it has. */
function duration(ms: number): string {
  const seconds = Math.abs(ms) / 1000
  const sign = ms < 0 ? '-' : ''
  if (seconds < 60) return `${sign}${seconds.toFixed(1)} s`
  const [minutes, hours, days] = [seconds / 60, seconds / 3600, seconds / 86_400].map(Math.floor)
  if (!hours) return `${sign}${minutes} min ${Math.floor(seconds % 60)} s`
  return days ? `${sign}${days} d ${hours % 24} h` : `${sign}${hours} h ${(minutes ?? 0) % 60} min`
}
