import { EXIT, OperatorError } from '../../../shared/config/operator-error.ts'

/** How to reach a running service, and as which client. */
export type ServiceAccess = { url: string; admin_url: string; client_id: string; client_secret: string }

/** The service does not answer, or not to the end. */
export function unreachable(message: string, cause?: unknown): OperatorError {
  return new OperatorError(message, { exitCode: EXIT.unreachable, cause })
}

/**
 * Requests to the admin port, with one access token for `scope` (client_credentials) that is fetched with the first of
 * them.
 */
export function serviceRequests(access: ServiceAccess, scope: string) {
  let token: Promise<string> | null = null
  return async (
    path: string,
    { method = 'GET', body }: { method?: string; body?: unknown } = {},
  ): Promise<Response> => {
    const bearer = await (token ??= fetchToken(access, scope))
    const headers = {
      authorization: `Bearer ${bearer}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    }
    return ask(`${access.admin_url}${path}`, {
      method,
      headers,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
  }
}

/** The body of a success; OperatorError with what the service said otherwise. */
export async function jsonOf<T>(response: Response): Promise<T> {
  if (response.ok) return (await response.json()) as T
  const body = await response.text()
  throw new OperatorError(`${response.url} answers ${response.status}: ${body}`)
}

async function fetchToken({ url, client_id, client_secret }: ServiceAccess, scope: string): Promise<string> {
  // RFC 6749 §2.3.1: both halves are form-encoded first.
  const credentials = [client_id, client_secret].map(encodeURIComponent).join(':')
  const response = await ask(`${url}/oauth2/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', scope }),
  })
  return (await jsonOf<{ access_token: string }>(response)).access_token
}

async function ask(url: string, init: RequestInit): Promise<Response> {
  const response = await fetch(url, init).catch((cause: unknown) => {
    throw unreachable(`${new URL(url).origin} does not answer`, cause)
  })
  if (response.status >= 500) throw unreachable(`${url} answers ${response.status}`)
  return response
}

export type Connected<Source> = { source: Source; close(): Promise<void> }
