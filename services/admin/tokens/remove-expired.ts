import { z } from 'zod'
import { requireRight } from '../../../shared/callers/require-right.ts'
import { answerInTheEnd } from '../../../shared/http/answer-within.ts'
import type { HttpContext, HttpMiddleware } from '../../../shared/http/context.ts'
import { readForm } from '../../../shared/http/input/form-body.ts'
import { readJson } from '../../../shared/http/input/json-body.ts'
import { isOfType } from '../../../shared/http/input/read-body.ts'
import { OAuthError } from '../../../shared/http/oauth-error.ts'
import type { Admin } from '../admin.ts'

/** The right to remove tokens that nobody can use any more. */
export const TOKENS = 'ledger.admin:tokens'

/**
 * POST /invoke/pub.oauth/removeExpiredAccessTokens { maxRows? }, a form or JSON: removes from the read model bearer
 * tokens that have been dead for an hour, `maxRows` at most (0 or absent = all); 200 { removedTokensCount }. The log
 * keeps their events. May take minutes, and be repeated.
 */
export function removeExpiredAccessTokens(admin: Admin): HttpMiddleware {
  return answerInTheEnd(admin.timeoutMs, async (ctx, alive) => {
    await requireRight(admin, ctx, TOKENS)
    const maxRows = await maxRowsFrom(ctx)
    return { removedTokensCount: await admin.sweep(maxRows, alive) }
  })
}

const ROWS = /^\d{1,9}$/
/** How many tokens to remove. */
export const INPUT = z.strictObject({ maxRows: z.union([z.int(), z.string()]).transform(String).optional() })

async function maxRowsFrom(ctx: HttpContext): Promise<number> {
  const { maxRows = '0' } = await inputOf(ctx)
  if (!ROWS.test(maxRows)) throw new OAuthError('invalid_request', 'maxRows must be a whole number, 0 for all')
  return Number(maxRows)
}

async function inputOf(ctx: HttpContext): Promise<{ maxRows?: string | undefined }> {
  const isEmpty = !ctx.request.length && ctx.get('transfer-encoding') === '' && ctx.request.type === ''
  if (isEmpty) return {}
  return isOfType(ctx, 'application/json') ? readJson(ctx, INPUT) : readForm(ctx)
}
