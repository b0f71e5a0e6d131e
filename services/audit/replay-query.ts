import { z } from 'zod'
import { EVENT_DATA } from '../../shared/event-log/event-schemas.ts'
import type { EventType } from '../../shared/ledger/events.ts'
import type { ReplayFilter } from './replay.ts'

/** Whether this is the name of an event type. */
export function isEventType(name: string): name is EventType {
  return Object.hasOwn(EVENT_DATA, name)
}

const types = z
  .string()
  .transform((text) => text.split(',').filter(Boolean))
  .pipe(z.array(z.string().refine(isEventType, { error: 'is not an event type' })))

/** A replay's filter as text: query parameters and command-line options alike. `type` = names separated by commas. */
export const replayQuery = z.strictObject({
  grant_id: z.uuid({ error: 'must be a UUID' }).toLowerCase().optional(),
  client_id: z.string().min(1).optional(),
  sub: z.string().min(1).optional(),
  type: types.optional(),
})

/** The filter that a query stands for; `problem` names the first parameter that is wrong. */
export function parseReplayQuery(
  query: Record<string, unknown>,
): { filter: ReplayFilter; problem?: undefined } | { problem: string } {
  const parsed = replayQuery.safeParse(query)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    const name = issue?.path[0] ?? (issue?.code === 'unrecognized_keys' ? issue.keys[0] : 'query')
    const unknown = issue?.code === 'unrecognized_keys'
    return { problem: `${String(name)} ${unknown ? 'is no parameter of a replay' : (issue?.message ?? 'is wrong')}` }
  }
  const { type, ...rest } = parsed.data
  return { filter: { ...rest, types: type } }
}
