import type { z } from 'zod'
import type { Caller, RefusalStatus } from './refusals.ts'
import type { HeaderName } from './headers.ts'

/** One answer of success: `what` in a sentence. `type`: application/json; `also`: what some are given instead. */
export type Answer = {
  what: string
  schema?: z.ZodType
  type?: string
  also?: string
  headers?: readonly HeaderName[]
  example?: unknown
}

/** What a route takes and answers, for whoever calls it. It is shown at /docs. */
export type Operation = {
  /** Unique among all: generators name their function after it. */
  id: string
  tag: string
  /** What it does, in one plain line. */
  summary: string
  /** What else a caller must know. */
  description?: string
  /** The base of its path, where that is another one than the document's. */
  server?: string
  caller: Caller
  /** The forms of the parameters in the path; one that is not here is any text. */
  path?: Readonly<Record<string, z.ZodType>>
  query?: z.ZodObject<Readonly<Record<string, z.ZodType>>>
  /** Request headers that it reads, besides the credentials. */
  reads?: readonly HeaderName[]
  /** The schemas that read the body. `patch`: of RFC 7396; `optional`: there may be none. */
  body?: { json?: z.ZodType; form?: z.ZodType; patch?: z.ZodType; optional?: true; example?: unknown }
  answers: Readonly<Record<number, Answer>>
  /** Statuses of refusals beside those that everything of this kind has (`refusalsOf`). */
  refusals?: readonly RefusalStatus[]
}

/** Operations by `METHOD /path`, the path as it is mounted: `GET /admin/keys/:kid`. */
export type Operations = Readonly<Record<string, Operation>>
