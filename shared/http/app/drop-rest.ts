import type { IncomingMessage } from 'node:http'
import type { HttpMiddleware } from '../context.ts'

/** How much of a body is still taken, and for how long, once its request is answered. */
const MOST_BYTES = 4 * 1024 * 1024
const LONGEST_MS = 3_000

/**
 * Takes what is left of a body that nobody read to its end, and drops it, so that the next request on the connection is
 * answered: behind a proxy that may be somebody else's. Closing at once would lose the answer on its way. What does not
 * end soon ends with its connection.
 */
export const dropRest: HttpMiddleware = async ({ req }, next) => {
  await next()
  if (!req.readableEnded) drop(req)
}

function drop(req: IncomingMessage): void {
  // A decompressor that stopped reading would hold up the connection for good.
  req.unpipe()
  req.resume()
  if (req.complete) return
  let left = MOST_BYTES
  const close = () => void req.socket.destroy()
  const timer = setTimeout(close, LONGEST_MS)
  req.once('close', () => clearTimeout(timer))
  req.on('data', (chunk: Buffer) => {
    left -= chunk.length
    if (left < 0) close()
  })
}
