import { z } from 'zod'
import { jsonIn } from '../../../shared/config/json-in.ts'
import { EXIT, OperatorError } from '../../../shared/config/operator-error.ts'
import { systemReason } from '../../../shared/config/secret-file.ts'
import { dropToken, findToken, keepToken } from './kept-tokens.ts'

/** How to reach a running service, as which client, and where its tokens are kept between calls. */
export type ServiceAccess = {
  url: string
  admin_url: string
  client_id: string
  client_secret: string
  tokens_folder: string
  /** What the operator calls them: settings, or the file in which they were found. */
  named: { url: string; admin_url: string; client: string }
}

/** The service does not answer, or not to the end. */
export function unreachable(message: string, cause?: unknown): OperatorError {
  return new OperatorError(message, { exitCode: EXIT.unreachable, cause })
}

/**
 * Requests to the admin port, with one access token for `scope` (client_credentials) that is kept from call to call
 * until it ends. One that the service refuses is fetched anew, once.
 */
export function serviceRequests(access: ServiceAccess, scope: string) {
  let token: Promise<string> | null = null
  return async (
    path: string,
    { method = 'GET', body, headers: more }: { method?: string; body?: unknown; headers?: Record<string, string> } = {},
  ): Promise<Response> => {
    const send = async (bearer: Promise<string>) => {
      const authorization = `Bearer ${await bearer}`
      const content = body !== undefined && { body: JSON.stringify(body) }
      const headers = { ...more, authorization, ...(content && { 'content-type': 'application/json' }) }
      return sendTo(access, 'admin_url', path, { method, headers, ...content })
    }
    const response = await send((token ??= tokenFor(access, scope)))
    if (response.status !== 401) return response
    await response.body?.cancel()
    await dropToken(access, scope)
    return send((token = fetchToken(access, scope)))
  }
}

async function tokenFor(access: ServiceAccess, scope: string): Promise<string> {
  const kept = await findToken(access, scope)
  return kept ? kept.access_token : fetchToken(access, scope)
}

/**
 * The body of a success; OperatorError with what the service said otherwise, or where it is another kind of service.
 */
export async function jsonOf<T>(response: Response): Promise<T> {
  if (!response.ok) throw new OperatorError(await refusalOf(response))
  return said<T>(await textOf(response), response)
}

function textOf(response: Response): Promise<string> {
  return response.text().catch((cause: unknown) => {
    throw unreachable(`${response.url}: the answer was cut short`, cause)
  })
}

/** What the service says instead of a success, in one line: of one of ours the reason, of another's no page. */
async function refusalOf(response: Response): Promise<string> {
  const { data } = REFUSAL.safeParse(jsonIn(await textOf(response)))
  const reason = data ? `: ${oneLine(data.error_description)} (${data.error})` : ''
  return `${response.url} answers ${response.status}${reason}`
}

const REFUSAL = z.object({ error: z.string(), error_description: z.string() })

function oneLine(text: string): string {
  return text.trim().replaceAll(/\s*\n\s*/g, ' ')
}

/** What a text from a service says. OperatorError where it is no JSON object: nothing of ours answers there. */
export function said<T>(text: string, { url }: Pick<Response, 'url'>): T {
  const value = jsonIn(text)
  if (typeof value === 'object' && value !== null) return value as T
  throw new OperatorError(`${url} does not answer as a token ledger does: is LEDGER_URL or LEDGER_ADMIN_URL another's?`)
}

async function fetchToken(access: ServiceAccess, scope: string): Promise<string> {
  const asked = Date.now()
  const response = await sendTo(access, 'url', '/oauth2/token', {
    method: 'POST',
    headers: { authorization: basicOf(access) },
    body: new URLSearchParams({ grant_type: 'client_credentials', scope }),
  })
  if (!response.ok) {
    const { client, url } = access.named
    throw new OperatorError(`${response.status === 401 ? client : url}: ${await refusalOf(response)}`)
  }
  const { access_token, expires_in } = await jsonOf<{ access_token: string; expires_in?: number }>(response)
  const expires_at = expires_in === undefined ? Number.MAX_SAFE_INTEGER : asked + expires_in * 1000
  await keepToken(access, { scope, access_token, expires_at }).catch((error: unknown) => {
    process.stderr.write(`the access token cannot be kept in ${access.tokens_folder}: ${systemReason(error)}\n`)
  })
  return access_token
}

/** RFC 6749 §2.3.1: both halves are form-encoded first. */
export function basicOf({ client_id, client_secret }: Pick<ServiceAccess, 'client_id' | 'client_secret'>): string {
  const credentials = [client_id, client_secret].map(encodeURIComponent).join(':')
  return `Basic ${Buffer.from(credentials).toString('base64')}`
}

/**
 * A request to the service, on its public or its admin port; an OperatorError with exit code 3 when there is no answer,
 * or one of an outage.
 */
export async function sendTo(
  { named, ...access }: ServiceAccess,
  port: 'url' | 'admin_url',
  path: string,
  init: RequestInit,
): Promise<Response> {
  const url = `${access[port]}${path}`
  const response = await fetch(url, init).catch((error: Error) => {
    throw unreachable(`${named[port]}: ${new URL(url).origin} does not answer: ${networkReason(error)}`, error)
  })
  if (response.status >= 500) throw unreachable(`${named[port]}: ${await refusalOf(response)}`)
  return response
}

/** What `fetch` hides: the reason of the system stands in the cause of its error, or in each of several. */
function networkReason({ cause, message }: Error): string {
  if (cause instanceof AggregateError) return cause.errors.map(String).join('; ')
  return oneLine(cause instanceof Error ? cause.message : message)
}

export type Connected<Source> = { source: Source; close(): Promise<void> }
