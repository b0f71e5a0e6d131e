import type { Logger } from 'pino'
import type { Bearer } from '../../../shared/callers/require-right.ts'
import { answerWithin } from '../../../shared/http/answer-within.ts'
import type { HttpContext, HttpRouter } from '../../../shared/http/context.ts'
import { OAuthError, unavailable } from '../../../shared/http/oauth-error.ts'
import { incompleteFor } from '../../../shared/read-model/partition-health.ts'
import type { ReadModelTables } from '../../../shared/read-model/read-model.ts'
import { Unsettled } from '../../../shared/read-model/unsettled.ts'
import { readUsers } from '../people/read-users.ts'
import { streamed } from '../streamed.ts'
import type { LongAudit } from '../worker/long-audit.ts'

/** The right to take a copy of all that is held about a person: an administrator's, who need not be an auditor. */
export const EXPORT_RESOURCE = 'ledger.admin:export'

type Exporting = {
  readModel: ReadModelTables
  /** Refuse to make a copy on a read model older than this. */
  maxLagMs: number
  /** Whether this process can open names at all. */
  opens: boolean
  long: LongAudit
  require: (ctx: HttpContext, resource: string) => Promise<Bearer>
  logger: Logger
  timeoutMs: number
}

/**
 * GET /audit/users/:sub/export: all that is held about one person, who may be forgotten, as one JSON object that a log
 * line tells of. 404 for a `sub` that nobody ever had; 503 rather than a copy that is not whole.
 */
export function exportRoute(router: HttpRouter, exporting: Exporting): void {
  const { require, logger, timeoutMs, long } = exporting
  router.get('/audit/users/:sub/export', answerWithin(timeoutMs), async (ctx) => {
    const { principal } = await require(ctx, EXPORT_RESOURCE)
    const sub = String((ctx['params'] as Record<string, unknown>)['sub'])
    const by = `${principal.type}/${principal.id}`
    logger.info({ request_id: ctx.state.requestId, by, sub }, 'asked for all that is held about a person')
    await requireWhole(exporting, sub)
    await streamed(ctx, { timeoutMs }, (asked) => long.export(sub, asked))
    ctx.type = 'application/json'
  })
}

async function requireWhole({ readModel, maxLagMs, opens }: Exporting, sub: string): Promise<void> {
  if (!opens) throw unavailable('no key that opens names is here: set LEDGER_SECRETS_PROJECT or LEDGER_SECRETS_SYSTEM')
  const incomplete = await incompleteFor(readModel, maxLagMs)
  if (incomplete !== null) throw new Unsettled(incomplete)
  const isSub = SUB.test(sub) && (await readUsers(readModel, [sub])).has(sub)
  if (!isSub) throw new OAuthError('not_found', 'there is no such user, and never was')
}

const SUB = /^[\x21-\x7e]{1,200}$/
