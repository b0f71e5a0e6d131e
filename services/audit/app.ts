import { z } from 'zod'
import { answerInTheEnd, answerWithin } from '../../shared/http/answer-within.ts'
import type { HttpContext, HttpMiddleware, HttpRouter } from '../../shared/http/context.ts'
import { OAuthError } from '../../shared/http/oauth-error.ts'
import type { OwnAudit } from './audit.ts'
import { asked, streamed } from './streamed.ts'
import type { LongAudit } from './worker/long-audit.ts'
import type { GrantLife } from './replay/grant-life.ts'
import type { Personal } from './people/shown-entry.ts'
import { parseReplayQuery, PERSONAL } from './replay/replay-query.ts'

/** The right that every audit route needs, as a service of the ledger's own. */
export const AUDIT_RESOURCE = 'ledger.audit:read'

/** The right to be shown people as well: without it they are left out. */
export const PERSONAL_RESOURCE = 'ledger.audit:personal'

/** In which header an answer says whether people are shown, or why not. */
export const PERSONAL_HEADER = 'Ledger-Personal'

/** `allows`: whether the bearer, who has proved himself, may use this service too. */
type Guarding = {
  guard: (resource: string) => HttpMiddleware
  allows: (ctx: HttpContext, resource: string) => Promise<boolean>
  timeoutMs: number
}

/** What the routes ask: `long` for what needs the whole log, `audit` for everything else. */
export type Served = { audit: OwnAudit; long: LongAudit }

/**
 * The routes of the audit API, each behind the guard. Every answer begins within the timeout; one that needs the whole
 * log may take longer to end, and is given up when its reader leaves.
 */
export function auditRoutes(router: HttpRouter, { audit, long }: Served, guarding: Guarding): void {
  const { guard, timeoutMs } = guarding
  const within = answerWithin(timeoutMs)
  const guarded = guard(AUDIT_RESOURCE)
  router.get('/audit/events', within, guarded, (ctx) => events(ctx, { audit, long }, guarding))
  router.get(
    '/audit/grants/:grant_id',
    within,
    guarded,
    answerInTheEnd(timeoutMs, (ctx, alive) => grant(ctx, { audit, guarding, alive })),
  )
  router.get(
    '/audit/verify',
    within,
    guarded,
    answerInTheEnd(timeoutMs, (ctx, alive) => long.verify(asked(ctx, alive))),
  )
  router.get('/audit/projection', within, guarded, async (ctx) => {
    ctx.body = await audit.status()
  })
  router.get('/audit/keys', within, guarded, async (ctx) => {
    ctx.body = await audit.keys()
  })
}

async function events(ctx: HttpContext, { audit, long }: Served, guarding: Guarding): Promise<void> {
  const parsed = parseReplayQuery({ ...ctx.query })
  if (parsed.problem) {
    const { name, message } = parsed.problem
    throw new OAuthError('invalid_request', `${name} ${message}`)
  }
  const personal = (await tellPersonal(ctx, parsed.personal, { audit, guarding })) === 'shown'
  await streamed(ctx, guarding, (going) => long.events({ ...parsed.filter, personal }, going))
  ctx.type = 'application/jsonl'
}

/** The parameters of a path with a grant. */
export const PATH = z.object({ grant_id: z.uuid().toLowerCase() })

/** How an answer 404 says that there is no such grant, and not no such path. */
export const UNKNOWN_GRANT = 'the log knows no such grant'

type Question = { audit: OwnAudit; guarding: Guarding }

async function grant(
  ctx: HttpContext,
  { audit, guarding, alive }: Question & { alive: () => void },
): Promise<GrantLife> {
  const path = PATH.safeParse(ctx['params'])
  const asked = PERSONAL.safeParse(ctx.query['personal'])
  if (!asked.success) throw new OAuthError('invalid_request', 'personal must be true or false')
  const personal = await tellPersonal(ctx, asked.data === 'true', { audit, guarding })
  const showing = { personal: personal === 'shown', onRead: alive }
  const life = path.success ? await audit.life(path.data.grant_id, showing) : null
  if (!life) throw new OAuthError('not_found', UNKNOWN_GRANT)
  return { ...life, personal }
}

/** Whether the answer shows people: those who are left out are no error. */
async function tellPersonal(ctx: HttpContext, asked: boolean, { audit, guarding }: Question): Promise<Personal> {
  const isAllowed = asked && (await guarding.allows(ctx, PERSONAL_RESOURCE))
  const personal = asked && !isAllowed ? 'not_allowed' : audit.showing(asked)
  ctx.set(PERSONAL_HEADER, personal)
  return personal
}
