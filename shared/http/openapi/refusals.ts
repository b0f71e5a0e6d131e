import { z } from 'zod'
import type { OAuthErrorCode } from '../oauth-error.ts'
import { type HeaderName, headerRefs } from './headers.ts'
import { jsonSchema } from './json-schema.ts'

type Refusal = { name: string; what: string; codes: readonly OAuthErrorCode[]; headers?: readonly HeaderName[] }

/** What a request can be refused with, by status. 405, 417 and what is not HTTP at all is said once for all routes. */
const REFUSALS = {
  400: {
    name: 'BadRequest',
    what: 'The request is malformed, or asks for what cannot be had; the description names the member.',
    codes: [
      'invalid_request',
      'invalid_grant',
      'invalid_scope',
      'unauthorized_client',
      'unsupported_grant_type',
      'unsupported_token_type',
      'invalid_client_metadata',
    ],
  },
  401: {
    name: 'Unauthorized',
    what: 'The caller has not proved who it is (RFC 6749 §5.2, RFC 6750 §3).',
    codes: ['invalid_client', 'invalid_token', 'unauthorized'],
    headers: ['WWW-Authenticate'],
  },
  403: {
    name: 'Forbidden',
    what: 'The caller is known, and may not do this.',
    codes: ['insufficient_scope', 'access_denied'],
  },
  404: { name: 'NotFound', what: 'There is nothing of this name.', codes: ['not_found'] },
  408: { name: 'RequestTimeout', what: 'The request did not arrive in time.', codes: ['invalid_request'] },
  409: { name: 'Conflict', what: 'What is there stands against it; the description says what.', codes: ['conflict'] },
  412: {
    name: 'PreconditionFailed',
    what: 'This is not the current revision: read it again.',
    codes: ['precondition_failed'],
  },
  413: { name: 'ContentTooLarge', what: 'The body is larger than 64 KiB.', codes: ['invalid_request'] },
  422: {
    name: 'UnprocessableContent',
    what: 'The Idempotency-Key belongs to another request.',
    codes: ['invalid_request'],
  },
  428: {
    name: 'PreconditionRequired',
    what: 'A write says what it expects: `If-None-Match: *` or `If-Match`.',
    codes: ['precondition_required'],
  },
  429: {
    name: 'TooManyRequests',
    what: 'Too many attempts with wrong credentials from this address; the right ones of a client always pass.',
    codes: ['temporarily_unavailable'],
    headers: ['Retry-After'],
  },
  431: { name: 'HeaderTooLarge', what: 'The header is larger than 16 KiB.', codes: ['invalid_request'] },
  503: {
    name: 'Unavailable',
    what: 'An outage of the service, never the fault of the caller. Trying again is safe.',
    codes: ['temporarily_unavailable'],
    headers: ['Retry-After'],
  },
} as const satisfies Record<number, Refusal>

export type RefusalStatus = keyof typeof REFUSALS

const STATUSES = Object.keys(REFUSALS).map(Number) as RefusalStatus[]

/** The responses of the document's components, one for each status. */
export function refusalResponses(): Record<string, unknown> {
  return Object.fromEntries(STATUSES.map((status) => [REFUSALS[status].name, responseOf(REFUSALS[status])]))
}

function responseOf({ what, codes, headers = [] }: Refusal) {
  const problem = z.object({ error: z.enum(codes), error_description: z.string() })
  return {
    description: what,
    ...(headers.length > 0 && { headers: headerRefs(headers) }),
    content: { 'application/json': { schema: jsonSchema(problem, 'output') } },
  }
}

/** How a caller proves itself: not at all, as a client (RFC 6749 §2.3), or with an access token (RFC 6750). */
export type Caller = 'anybody' | 'client' | 'bearer'

const OF_CALLER: Record<Caller, RefusalStatus[]> = {
  anybody: [],
  client: [401, 429, 503],
  bearer: [401, 403, 503],
}

type Refusing = {
  caller: Caller
  body?: unknown
  refusals?: readonly RefusalStatus[]
  answers: Readonly<Record<number, unknown>>
}

/** What everybody is refused with, then what depends on the caller, on a body and on the operation itself. */
export function refusalsOf({ caller, body, refusals = [], answers }: Refusing): Record<string, { $ref: string }> {
  const known: RefusalStatus[] = [
    ...([400, 431] as const),
    ...OF_CALLER[caller],
    ...(body ? ([408, 413] as const) : []),
    ...refusals,
  ]
  const wanted = STATUSES.filter((status) => known.includes(status) && !Object.hasOwn(answers, status))
  return Object.fromEntries(wanted.map((status) => [status, refusalRef(status)]))
}

const refusalRef = (status: RefusalStatus) => ({ $ref: `#/components/responses/${REFUSALS[status].name}` })
