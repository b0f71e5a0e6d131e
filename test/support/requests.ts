/** Who calls, and how it proves it; the default method is Basic. `client_secret: null` = a public client. */
export type Credentials = { client_id: string; client_secret: string | null; method?: 'basic' | 'post' }

export type Answer = { status: number; headers: Headers; body: Record<string, unknown> }
type Form = Record<string, string> | string
type Sent = { as?: Credentials | undefined; headers?: Record<string, string> }

/** Longer than any answer takes: who hears nothing until then hangs. */
const HANGS_MS = 60_000

/** Requests to one listener, as a client makes them. Throws unless the answer is JSON, and comes in time. */
export function createRequests(base: string, hangsMs = HANGS_MS) {
  /** POST of a form, with the credentials of `as`. */
  const post = (path: string, form: Form, { as, headers = {} }: Sent = {}): Promise<Answer> =>
    send(path, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...(as && authorization(as)), ...headers },
      body: encode(form, as),
    })
  const postJson = (path: string, body: unknown, { as, headers = {} }: Sent = {}): Promise<Answer> =>
    send(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(as && authorization(as)), ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })
  const send = async (path: string, init: RequestInit = {}): Promise<Answer> => {
    const response = await fetch(base + path, { redirect: 'manual', signal: AbortSignal.timeout(hangsMs), ...init })
    const text = await response.text()
    const type = response.headers.get('content-type') ?? 'no type'
    if (!type.startsWith('application/json')) throw new Error(`${path} answered ${response.status} with ${type}`)
    return { status: response.status, headers: response.headers, body: objectOf(text) }
  }
  return { post, postJson, send }
}

export type Requests = ReturnType<typeof createRequests>

/** The Authorization header of HTTP Basic, as it stands. */
export function basic(pair: string): string {
  return `Basic ${Buffer.from(pair).toString('base64')}`
}

function authorization({ client_id, client_secret, method = 'basic' }: Credentials): Record<string, string> {
  if (client_secret === null || method === 'post') return {}
  return { authorization: basic(`${client_id}:${client_secret}`) }
}

function encode(form: Form, as: Credentials | undefined): string {
  const credentials = new URLSearchParams()
  if (as && (as.client_secret === null || as.method === 'post')) credentials.set('client_id', as.client_id)
  if (as?.client_secret != null && as.method === 'post') credentials.set('client_secret', as.client_secret)
  const text = typeof form === 'string' ? form : new URLSearchParams(form).toString()
  return [text, credentials.toString()].filter(Boolean).join('&')
}

function objectOf(text: string): Record<string, unknown> {
  const value: unknown = JSON.parse(text)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('the answer is no object')
  return Object.fromEntries(Object.entries(value))
}
