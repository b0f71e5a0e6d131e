import { createHash } from 'node:crypto'
import type { HttpContext } from '../context.ts'

/** What never changes while the process lives: asked for again, it is 304 where the caller has it already. */
export type StaticAnswer = { type: string; body: string | Buffer; etag: string }

/** Prepares such an answer. */
export function staticAnswer(type: string, body: string | Buffer): StaticAnswer {
  return { type, body, etag: `"${createHash('sha256').update(body).digest('base64url')}"` }
}

/** Answers it, or 304 (RFC 9110 §13.1.2). It may be kept, but is asked for again: the next release has another. */
export function answerStatic(ctx: HttpContext, { type, body, etag }: StaticAnswer): void {
  ctx.remove('Pragma')
  ctx.set({ 'Cache-Control': 'no-cache', ETag: etag })
  ctx.status = 200
  if (ctx.fresh) ctx.status = 304
  else {
    ctx.type = type
    ctx.body = body
  }
}
