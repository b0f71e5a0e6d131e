import type { VNode } from 'preact'
import { renderToString } from 'preact-render-to-string'
import type { HttpContext } from '../http/context.ts'

/** The text of a whole page. Components escape what they show; nothing in them goes around that. */
export function documentOf(page: VNode): string {
  return `<!doctype html>\n${renderToString(page)}\n`
}

/** Answers a page. */
export function answerPage(ctx: HttpContext, page: VNode, status = 200): void {
  ctx.status = status
  ctx.type = 'html'
  ctx.body = documentOf(page)
}

/**
 * Answers a form that was posted: the browser goes on by GET, so that neither Back nor a reload sends it again (RFC
 * 9110 §15.4.4). Nothing but the header tells where, because a code may stand in it.
 */
export function seeOther(ctx: HttpContext, location: string): void {
  ctx.status = 303
  ctx.set('Location', location)
  ctx.type = 'text'
  ctx.body = ''
}
