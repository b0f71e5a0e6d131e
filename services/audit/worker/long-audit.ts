import { unavailable } from '../../../shared/http/oauth-error.ts'
import type { Audit, ReplayAsked } from '../audit.ts'
import type { VerifyReport } from '../verify/verify.ts'

/** `alive`: called now and then while the work goes on. `signal`: nobody waits for the answer any more. */
export type Asked = { alive: () => void; signal: AbortSignal }

/** The questions that need the whole log, as a service answers them. */
export type LongAudit = {
  /** The entries of a replay as JSON lines, in pieces of any length. */
  events(replay: ReplayAsked, asked: Asked): AsyncIterable<string | Uint8Array>
  verify(asked: Asked): Promise<VerifyReport>
}

/** How many such questions one service answers at once: each has a process of its own, with memory and a core. */
const AT_ONCE = 2

/** Answers in this process, in small steps: for the embedded database, which no other process may open. */
export function inThisProcess(audit: Pick<Audit, 'replay' | 'verify'>): LongAudit {
  const going = ({ alive, signal }: Asked) => {
    return () => {
      signal.throwIfAborted()
      alive()
    }
  }
  return {
    async *events(replay, asked) {
      for await (const entry of audit.replay(replay, { progress: going(asked) })) yield `${JSON.stringify(entry)}\n`
    },
    verify: (asked) => audit.verify(going(asked)),
  }
}

/** The same, a few at a time: 503 for more, before anything is begun. */
export function fewAtOnce(long: LongAudit, atOnce = AT_ONCE): LongAudit {
  let running = 0
  const begin = () => {
    if (running >= atOnce) throw unavailable(`${running} replays or verifications run already`)
    running++
  }
  return {
    async *events(replay, asked) {
      begin()
      try {
        yield* long.events(replay, asked)
      } finally {
        running--
      }
    },
    verify: async (asked) => {
      begin()
      return long.verify(asked).finally(() => running--)
    },
  }
}
