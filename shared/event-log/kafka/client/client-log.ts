import type { LogLogger } from '../../retrying.ts'

type ClientEntry = { namespace: string; log: { message: string } & Record<string, unknown> }

/** Milliseconds in which the same words of a client are told once. */
const ONCE_IN_MS = 60_000

/** When what was told last, over all clients of a log: a broker that is away is met by each, several times a second. */
const lastTold = new WeakMap<LogLogger, Map<string, number>>()

/**
 * Where kafkajs logs to. It calls an error what it is about to retry, also a crash of a consumer that it restarts:
 * warnings to us, each once a minute; whoever asked gets the error itself.
 */
export function clientLog(logger: LogLogger | undefined): (entry: ClientEntry) => void {
  if (!logger) return () => undefined
  const told = lastTold.get(logger) ?? new Map<string, number>()
  lastTold.set(logger, told)
  return ({ namespace, log: { message, ...rest } }) => {
    const key = JSON.stringify([namespace, message, rest['broker']])
    const now = performance.now()
    for (const [old, at] of told) if (now - at >= ONCE_IN_MS) told.delete(old)
    if (told.has(key)) return
    told.set(key, now)
    const fields = Object.entries(rest).filter(([name]) => !['timestamp', 'logger', 'stack'].includes(name))
    logger('warn', message, { namespace, ...Object.fromEntries(fields) })
  }
}
