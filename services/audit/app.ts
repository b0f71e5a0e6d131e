import { Readable } from 'node:stream'
import { z } from 'zod'
import type { HttpContext, HttpMiddleware, HttpRouter } from '../../shared/http/context.ts'
import { OAuthError } from '../../shared/http/oauth-error.ts'
import type { Audit } from './audit.ts'
import { parseReplayQuery } from './replay/replay-query.ts'

/** The right that every audit route needs, as a service of the ledger's own. */
export const AUDIT_RESOURCE = 'ledger.audit:read'

/** The routes of the audit API, each behind the guard. */
export function auditRoutes(router: HttpRouter, audit: Audit, guard: (resource: string) => HttpMiddleware): void {
  const guarded = guard(AUDIT_RESOURCE)
  router.get('/audit/events', guarded, (ctx) => events(ctx, audit))
  router.get('/audit/grants/:grant_id', guarded, (ctx) => grant(ctx, audit))
  router.get('/audit/verify', guarded, async (ctx) => {
    ctx.body = await audit.verify()
  })
  router.get('/audit/projection', guarded, async (ctx) => {
    ctx.body = await audit.status()
  })
  router.get('/audit/keys', guarded, async (ctx) => {
    ctx.body = await audit.keys()
  })
}

/**
 * Streams at the reader's pace. A log that fails in the middle breaks the connection: a cut answer must not look whole.
 */
async function events(ctx: HttpContext, audit: Audit): Promise<void> {
  const parsed = parseReplayQuery({ ...ctx.query })
  if (parsed.problem) {
    const { name, message } = parsed.problem
    throw new OAuthError('invalid_request', `${name} ${message}`)
  }
  const entries = audit.replay(parsed.filter)[Symbol.asyncIterator]()
  // The first is awaited here, so that an unreachable log is still answered 503.
  const first = await entries.next()
  const body = Readable.from(lines(first, entries), { objectMode: false })
  // Also for a caller who leaves before he took the first line.
  body.once('close', () => void entries.return?.())
  ctx.body = body
  ctx.type = 'application/jsonl'
}

async function* lines<T>(
  first: IteratorResult<T, unknown>,
  entries: AsyncIterator<T, unknown>,
): AsyncGenerator<string> {
  for (let next = first; next.done !== true; next = await entries.next()) yield `${JSON.stringify(next.value)}\n`
}

const PATH = z.object({ grant_id: z.uuid().toLowerCase() })

async function grant(ctx: HttpContext, audit: Audit): Promise<void> {
  const path = PATH.safeParse(ctx['params'])
  const life = path.success ? await audit.life(path.data.grant_id) : null
  if (!life) throw new OAuthError('not_found', 'the log knows no such grant')
  ctx.body = life
}
