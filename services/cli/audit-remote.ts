import { LogReadError } from '../../shared/event-log/event-log.ts'
import type { Audit } from '../audit/audit.ts'
import type { GrantLife } from '../audit/grant-life.ts'
import type { ProjectionStatus } from '../audit/projection-status.ts'
import type { ReplayEntry } from '../audit/replay-entry.ts'
import type { ReplayFilter } from '../audit/replay.ts'
import type { VerifyReport } from '../audit/verify.ts'

/** How to reach a running service, and as which client. */
export type ServiceAccess = { url: string; admin_url: string; client_id: string; client_secret: string }

/** The service answered, and the answer is no. */
export class ServiceRefused extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'ServiceRefused'
  }
}

/** Audits through a running service, with a token of its own (client_credentials, scope `ledger.audit`). */
export function remoteAudit(access: ServiceAccess): Audit {
  let token: Promise<string> | null = null
  const get = async (path: string): Promise<Response> => {
    const bearer = await (token ??= fetchToken(access))
    return ask(`${access.admin_url}${path}`, { headers: { authorization: `Bearer ${bearer}` } })
  }
  return {
    replay: (filter) => replayOf(() => get(`/audit/events?${queryOf(filter)}`)),
    life: async (grant_id) => {
      const response = await get(`/audit/grants/${encodeURIComponent(grant_id)}`)
      return response.status === 404 ? null : jsonOf<GrantLife>(response)
    },
    verify: async () => jsonOf<VerifyReport>(await get('/audit/verify')),
    status: async () => jsonOf<ProjectionStatus>(await get('/audit/projection')),
  }
}

async function fetchToken({ url, client_id, client_secret }: ServiceAccess): Promise<string> {
  // RFC 6749 §2.3.1: both halves are form-encoded first.
  const credentials = [client_id, client_secret].map(encodeURIComponent).join(':')
  const response = await ask(`${url}/oauth2/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', scope: 'ledger.audit' }),
  })
  return (await jsonOf<{ access_token: string }>(response)).access_token
}

async function ask(url: string, init: RequestInit): Promise<Response> {
  const response = await fetch(url, init).catch((cause: unknown) => {
    throw new LogReadError('unreachable', `${new URL(url).origin} does not answer`, { cause })
  })
  if (response.status >= 500) throw new LogReadError('unreachable', `${url} answers ${response.status}`)
  return response
}

async function jsonOf<T>(response: Response): Promise<T> {
  if (response.ok) return (await response.json()) as T
  const body = await response.text()
  throw new ServiceRefused(`${response.url} answers ${response.status}: ${body}`)
}

async function* replayOf(get: () => Promise<Response>): AsyncGenerator<ReplayEntry> {
  const response = await get()
  if (!response.ok || !response.body) return jsonOf(response)
  for await (const line of linesOf(response.body)) yield JSON.parse(line) as ReplayEntry
}

async function* linesOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  try {
    for await (const chunk of body) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
      rest = lines.pop() ?? ''
      yield* lines
    }
  } catch (cause) {
    throw new LogReadError('unreachable', 'the answer was cut short', { cause })
  }
  if (rest !== '') throw new LogReadError('unreachable', 'the answer was cut short')
}

function queryOf({ types, ...filter }: ReplayFilter): string {
  const given = Object.entries({ ...filter, type: types?.join(',') }).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  )
  return new URLSearchParams(given).toString()
}
