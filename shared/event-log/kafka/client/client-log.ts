import { onceAMinute } from '../../once-a-minute.ts'
import type { LogLogger } from '../../retrying.ts'

type ClientEntry = { namespace: string; log: { message: string } & Record<string, unknown> }

/** Over all clients of a log: a broker that is away is met by each, several times a second. */
const turns = new WeakMap<LogLogger, ReturnType<typeof onceAMinute>>()

/**
 * Where kafkajs logs to. It calls an error what it is about to retry, also a crash of a consumer that it restarts:
 * warnings to us, each once a minute; whoever asked gets the error itself.
 */
export function clientLog(logger: LogLogger | undefined): (entry: ClientEntry) => void {
  if (!logger) return () => undefined
  const isItsTurn = turns.get(logger) ?? onceAMinute()
  turns.set(logger, isItsTurn)
  return ({ namespace, log: { message, ...rest } }) => {
    if (!isItsTurn(JSON.stringify([namespace, message, rest['broker']]))) return
    const fields = Object.entries(rest).filter(([name]) => !['timestamp', 'logger', 'stack'].includes(name))
    logger('warn', message, { namespace, ...Object.fromEntries(fields) })
  }
}
