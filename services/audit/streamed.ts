import { Readable } from 'node:stream'
import { soon } from '../../shared/http/answer-within.ts'
import type { HttpContext } from '../../shared/http/context.ts'
import type { Asked } from './worker/long-audit.ts'

type Piece = string | Uint8Array

/**
 * Answers with these pieces at the reader's pace. What fails before the first is an error like any other; a log that
 * fails in the middle breaks the connection: a cut answer must not look whole.
 */
export async function streamed(
  ctx: HttpContext,
  { timeoutMs }: { timeoutMs: number },
  begin: (asked: Asked) => AsyncIterable<Piece>,
): Promise<void> {
  let alive = false
  const pieces = begin(asked(ctx, () => void (alive = true)))[Symbol.asyncIterator]()
  const first = pieces.next()
  // The first is awaited here, so that an unreachable log is still answered 503; but a log that is long is only read.
  const there = await soon(first, timeoutMs)
  if (there || !alive) await first
  // Nobody reads the pieces of an answer that was too late.
  if (ctx.res.writableEnded) return void (await pieces.return?.())
  const body = Readable.from(spaced(first, pieces, there), { objectMode: false })
  // Also for a caller who leaves before he took the first line.
  body.once('close', () => void pieces.return?.())
  ctx.body = body
}

async function* spaced(
  first: Promise<IteratorResult<Piece, unknown>>,
  pieces: AsyncIterator<Piece, unknown>,
  there: boolean,
): AsyncGenerator<Piece> {
  // The first byte, where the first piece is far away.
  if (!there) yield ' '
  for (let next = await first; next.done !== true; next = await pieces.next()) yield next.value
}

/** Who waits for the answer, and until when. */
export function asked(ctx: HttpContext, alive: () => void): Asked {
  const left = new AbortController()
  ctx.res.once('close', () => left.abort())
  return { alive, signal: left.signal }
}
