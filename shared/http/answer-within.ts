import { Readable } from 'node:stream'
import type { HttpContext, HttpMiddleware } from './context.ts'
import { OAuthError, unavailable } from './oauth-error.ts'

/** How long after the append timeout a client has its answer at the latest. */
const MARGIN_MS = 500

/**
 * 503 when no answer is there `timeoutMs` and a little after the request, whatever hangs. What was begun goes on by
 * itself: repeating a refresh or a revocation is always safe. 408 when it is the request that has not arrived by then.
 */
export function answerWithin(timeoutMs: number): HttpMiddleware {
  return async (ctx, next) => {
    const limit = timeoutMs + MARGIN_MS
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(lateBecause(ctx, limit)), limit)
    })
    try {
      await Promise.race([next(), late])
    } finally {
      clearTimeout(timer)
    }
  }
}

/** A sender that dawdles must not look like an outage of ours, neither to itself nor in the log. */
function lateBecause({ req }: HttpContext, limit: number): OAuthError {
  if (req.complete) return unavailable(`no answer within ${limit} ms`)
  const headers = { Connection: 'close' }
  return new OAuthError('invalid_request', 'the request did not arrive in time', { status: 408, headers })
}

/** How often a long answer says that it is still coming, in ms. */
const ALIVE_MS = 1_000

/** The part of the time after which a long answer begins: in time for `answerWithin`, and late for what is short. */
const BEGIN = 0.6

/**
 * Middleware for work that may rightly take minutes, such as reading the whole log, to be put behind `answerWithin`: an
 * answer like any other if it is there soon. If not, and the work has said `alive`, the answer begins with spaces until
 * its JSON is known, and breaks off where the work fails or says nothing for `timeoutMs`.
 */
export function answerInTheEnd(
  timeoutMs: number,
  work: (ctx: HttpContext, alive: () => void) => Promise<unknown>,
): HttpMiddleware {
  return async (ctx) => {
    let heard = -Infinity
    const result: Promise<unknown> = work(ctx, () => void (heard = performance.now()))
    const isAlive = () => performance.now() - heard <= timeoutMs
    if ((await soon(result, timeoutMs)) || !isAlive()) return void (ctx.body = await result)
    ctx.type = 'application/json'
    ctx.body = Readable.from(spaced(result, isAlive), { objectMode: false })
  }
}

/** Whether the result is there (or has failed) well within `timeoutMs`; if not, resolves then all the same. */
export async function soon(result: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  return Promise.race([
    result.then(
      () => true,
      () => true,
    ),
    pause(timeoutMs * BEGIN).then(() => false),
  ])
}

async function* spaced(result: Promise<unknown>, isAlive: () => boolean): AsyncGenerator<string> {
  const json: Promise<string> = result.then((value) => JSON.stringify(value))
  // Handled where it is awaited below, however long the reader takes.
  json.catch(() => undefined)
  for (;;) {
    const text = await Promise.race([json, pause(ALIVE_MS)])
    if (text !== undefined) {
      yield text
      return
    }
    if (!isAlive()) throw new Error('the answer stopped on its way')
    yield ' '
  }
}

function pause(ms: number): Promise<undefined> {
  return new Promise((resolve) => void setTimeout(resolve, ms, undefined).unref())
}
