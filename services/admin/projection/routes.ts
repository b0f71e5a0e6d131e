import { z } from 'zod'
import { requireRight } from '../../../shared/callers/require-right.ts'
import { OperatorError } from '../../../shared/config/operator-error.ts'
import { readModelSchema } from '../../../shared/config/values.ts'
import { answerInTheEnd, answerWithin } from '../../../shared/http/answer-within.ts'
import type { HttpMiddleware, HttpRouter } from '../../../shared/http/context.ts'
import { readJson } from '../../../shared/http/input/json-body.ts'
import { OAuthError } from '../../../shared/http/oauth-error.ts'
import type { Admin } from '../admin.ts'
import type { ReadModels } from './read-models.ts'

/** The right to see, build, choose and drop read models. */
export const PROJECTION = 'ledger.admin:projection'

/** Which read model to read. */
export const SWITCH = z.strictObject({ read_model: readModelSchema.optional() })
/** Which read model to drop. */
export const DROP = z.strictObject({ read_model: readModelSchema })

/**
 * What `token-ledger projection list | rebuild | switch | drop` asks where the database takes one process, and that one
 * serves: elsewhere the command does it by itself, with the rights of whoever owns the database.
 */
export function projectionRoutes(router: HttpRouter, admin: Admin, readModels: ReadModels): void {
  const within = answerWithin(admin.timeoutMs)
  const guarded: HttpMiddleware = async (ctx, next) => {
    await requireRight(admin, ctx, PROJECTION)
    await next()
  }
  const { list, rebuild, switchTo, drop } = told(readModels)
  router.get('/admin/read-models', within, guarded, async (ctx) => {
    ctx.body = await list()
  })
  const rebuilding = answerInTheEnd(admin.timeoutMs, (_ctx, alive) => rebuild({ progress: alive }))
  router.post('/admin/read-models/rebuild', within, guarded, rebuilding)
  router.post('/admin/read-models/switch', within, guarded, async (ctx) => {
    const { read_model } = await readJson(ctx, SWITCH)
    ctx.body = await switchTo(read_model, admin.timeoutMs / 2)
  })
  const dropping = answerInTheEnd(admin.timeoutMs, async (ctx, alive) => {
    const { read_model } = await readJson(ctx, DROP)
    alive()
    await drop(read_model)
    return { read_model }
  })
  router.post('/admin/read-models/drop', within, guarded, dropping)
}

/** The same, where what keeps an operator from it is 409, and told to whoever asked: the right makes him one. */
function told({ list, rebuild, switchTo, drop }: ReadModels): ReadModels {
  const refused = (error: unknown): never => {
    throw error instanceof OperatorError ? new OAuthError('conflict', error.message) : error
  }
  return {
    list,
    rebuild: (options) => rebuild(options).catch(refused),
    switchTo: (wanted, patienceMs) => switchTo(wanted, patienceMs).catch(refused),
    drop: (schema) => drop(schema).catch(refused),
  }
}
