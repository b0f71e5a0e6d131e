import type { ExecutionContext } from 'ava'
import pino from 'pino'
import { z } from 'zod'
import { AppendError, LogReadError } from '../../shared/event-log/event-log.ts'
import { createHttpApp, type HttpAppOptions } from '../../shared/http/app/create-app.ts'
import { readForm, required } from '../../shared/http/input/form-body.ts'
import { readJson } from '../../shared/http/input/json-body.ts'
import { listen } from '../../shared/http/listen.ts'
import { errorPageOf } from '../../shared/pages/error-page.tsx'
import { createSite } from '../../shared/pages/site.ts'
import { loadSettings } from '../../shared/config/load-settings.ts'
import { OAuthError, unavailable } from '../../shared/http/oauth-error.ts'
import { knownError } from '../../shared/process/known-errors.ts'
import { keepLog } from '../support/kept-logs.ts'
import { Unsettled } from '../../shared/read-model/unsettled.ts'

const { site } = createSite(loadSettings({}))

type LogLine = Record<string, unknown>

/** Throws what a test asks for: the failures that a handler can meet. */
const FAILURES: Record<string, () => Error> = {
  refused: () => new OAuthError('invalid_grant', 'quote " backslash \\ newline \n é and tab \t'),
  unavailable: () => unavailable('the projector is behind'),
  append: () => new AppendError('unknown', 'no answer'),
  unsettled: () => new Unsettled('partition stopped'),
  large: () => new AppendError('too_large', 'over 1 MB'),
  log: () => new LogReadError('unreachable', 'no broker'),
  refusedConnection: () => Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }),
  wrapped: () => new Error('read failed', { cause: Object.assign(new Error('x'), { code: '57P01' }) }),
  terminated: () => new Error('Connection terminated unexpectedly'),
  midQuery: () => new Error('SELECT now() - Connection terminated unexpectedly'),
  hanging: () => new Error('SELECT now() - Query read timeout'),
  pool: () => new Error('Knex: Timeout acquiring a connection. The pool is probably full.'),
  badText: () => Object.assign(new Error('invalid byte sequence'), { code: '22021' }),
  bug: () => Object.assign(new TypeError('secret detail', { cause: new Error('deeper') }), { body: 'client_secret=x' }),
}

/** A real application on a port of its own, with the lines that it logs. */
export async function serve(t: ExecutionContext, options: Partial<HttpAppOptions> = {}) {
  const lines: LogLine[] = []
  const keep = keepLog('app')
  const write = (line: string) => {
    keep(line)
    lines.push(JSON.parse(line) as LogLine)
  }
  const logger = pino({ level: 'info' }, { write })
  const { app, router } = createHttpApp({
    for: 'machines',
    ...(options.for === 'people' && { errorPage: errorPageOf(site) }),
    known: knownError,
    logger,
    requireHttps: false,
    trustedProxies: [],
    ...options,
  })
  router.post('/oauth2/token', async (ctx) => {
    ctx.body = await readForm(ctx)
  })
  router.post('/needs-token', async (ctx) => {
    ctx.body = { token: required(await readForm(ctx), 'token') }
  })
  router.post('/json', async (ctx) => {
    ctx.body = await readJson(ctx, z.object({ resource: z.string() }))
  })
  router.get('/address', (ctx) => {
    ctx.state.client_id = 'web'
    ctx.body = { address: ctx.state.clientAddress, traceparent: ctx.state.traceparent ?? null }
  })
  router.get('/health/alive', (ctx) => {
    ctx.body = {}
  })
  router.get('/fail/:how', (ctx) => {
    throw FAILURES[ctx.params['how'] ?? '']?.() ?? new Error('unknown failure')
  })
  const listener = await listen(app, { host: '127.0.0.1', port: 0 })
  t.teardown(() => listener.close(0))
  return { ...listener, lines }
}

type Json = { error?: string; error_description?: string; [name: string]: unknown }

/** The body of an answer. */
export async function json(response: Response): Promise<Json> {
  return (await response.json()) as Json
}

/** A POST of this form. */
export const form = (body: string | URLSearchParams, headers: Record<string, string> = {}): RequestInit => ({
  method: 'POST',
  body,
  headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
})
