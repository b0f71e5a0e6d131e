import type { HttpRouter } from '../context.ts'
import { type About, openApiDocument } from './document.ts'
import type { Operations } from './operation.ts'
import { routesOf } from './routes-of.ts'
import { answerStatic, type StaticAnswer, staticAnswer } from './static-answer.ts'

/** GET /openapi.json: what is mounted on these routers by now, and itself on the first of them. Built here, once. */
export function openApiRoute(
  routers: readonly [HttpRouter, ...HttpRouter[]],
  about: About,
  described: Operations,
): void {
  routers[0].get('/openapi.json', (ctx) => answerStatic(ctx, answer))
  const document = openApiDocument(about, routers.flatMap(routesOf), described)
  const answer: StaticAnswer = staticAnswer('application/json', JSON.stringify(document))
}
