import { z } from 'zod'
import { requireRight } from '../../../shared/callers/require-right.ts'
import { readModelSchema } from '../../../shared/config/values.ts'
import { answerInTheEnd, answerWithin } from '../../../shared/http/answer-within.ts'
import type { HttpMiddleware, HttpRouter } from '../../../shared/http/context.ts'
import { readJson } from '../../../shared/http/input/json-body.ts'
import type { Admin } from '../admin.ts'
import type { ReadModels } from './read-models.ts'

/** The right to see, build, choose and drop read models. */
const PROJECTION = 'ledger.admin:projection'

const SWITCH = z.strictObject({ read_model: readModelSchema.optional() })
const DROP = z.strictObject({ read_model: readModelSchema })

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
  router.get('/admin/read-models', within, guarded, async (ctx) => {
    ctx.body = await readModels.list()
  })
  const rebuild = answerInTheEnd(admin.timeoutMs, (_ctx, alive) => readModels.rebuild({ progress: alive }))
  router.post('/admin/read-models/rebuild', within, guarded, rebuild)
  router.post('/admin/read-models/switch', within, guarded, async (ctx) => {
    const { read_model } = await readJson(ctx, SWITCH)
    ctx.body = await readModels.switchTo(read_model)
  })
  const drop = answerInTheEnd(admin.timeoutMs, async (ctx, alive) => {
    const { read_model } = await readJson(ctx, DROP)
    alive()
    await readModels.drop(read_model)
    return { read_model }
  })
  router.post('/admin/read-models/drop', within, guarded, drop)
}
