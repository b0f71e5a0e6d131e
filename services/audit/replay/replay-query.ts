import { z } from 'zod'
import { EVENT_DATA } from '../../../shared/event-log/event-schemas.ts'
import type { EventType } from '../../../shared/ledger/events.ts'
import type { ReplayFilter } from './replay.ts'

/** Whether people are asked for, as text. */
export const PERSONAL = z.enum(['true', 'false'], { error: 'must be true or false' }).default('true')

/** The names of all event types. */
export const EVENT_TYPES = Object.keys(EVENT_DATA)

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
  personal: PERSONAL,
})

/** The parameter that is wrong, and what is wrong with it. */
export type QueryProblem = { name: string; message: string }

/** The filter that a query stands for, and whether people are asked for; or what is wrong with it first. */
export function parseReplayQuery(
  query: Record<string, unknown>,
): { filter: ReplayFilter; personal: boolean; problem?: undefined } | { problem: QueryProblem } {
  const parsed = replayQuery.safeParse(query)
  if (!parsed.success) return { problem: problemOf(parsed.error.issues[0]) }
  const { type, personal, ...rest } = parsed.data
  return { filter: { ...rest, types: type }, personal: personal === 'true' }
}

function problemOf(issue: z.core.$ZodIssue | undefined): QueryProblem {
  if (issue?.code === 'unrecognized_keys') {
    return { name: issue.keys[0] ?? 'query', message: 'is no parameter of a replay' }
  }
  const name = String(issue?.path[0] ?? 'query')
  // Repeated parameters arrive as an array.
  return { name, message: issue?.code === 'invalid_type' ? 'must be given once' : (issue?.message ?? 'is wrong') }
}
