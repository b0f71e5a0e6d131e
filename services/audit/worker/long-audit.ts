import { unavailable } from '../../../shared/http/oauth-error.ts'
import type { OwnAudit, ReplayAsked } from '../audit.ts'
import type { VerifyReport } from '../verify/verify.ts'

/** `alive`: called now and then while the work goes on. `signal`: nobody waits for the answer any more. */
export type Asked = { alive: () => void; signal: AbortSignal }

/** The questions that need the whole log, as a service answers them. */
export type LongAudit = {
  /** The entries of a replay as JSON lines, in pieces of any length. */
  events(replay: ReplayAsked, asked: Asked): AsyncIterable<string | Uint8Array>
  /** The copy of a person, in pieces of any length. */
  export(sub: string, asked: Asked): AsyncIterable<string | Uint8Array>
  verify(asked: Asked): Promise<VerifyReport>
}

/** How many such questions one service answers at once: each has a process of its own, with memory and a core. */
const AT_ONCE = 2

/** Answers in this process, in small steps: for the embedded database, which no other process may open. */
export function inThisProcess(audit: Pick<OwnAudit, 'replay' | 'export' | 'verify'>): LongAudit {
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
    export: (sub, asked) => audit.export(sub, going(asked)),
    verify: (asked) => audit.verify(going(asked)),
  }
}

/** The same, a few at a time: 503 for more, before anything is begun. */
export function fewAtOnce(long: LongAudit, atOnce = AT_ONCE): LongAudit {
  let running = 0
  const begin = () => {
    if (running >= atOnce) throw unavailable(`${running} replays, exports or verifications run already`)
    running++
  }
  async function* counted(pieces: () => ReturnType<LongAudit['events']>): AsyncGenerator<string | Uint8Array> {
    begin()
    try {
      yield* pieces()
    } finally {
      running--
    }
  }
  return {
    events: (replay, asked) => counted(() => long.events(replay, asked)),
    export: (sub, asked) => counted(() => long.export(sub, asked)),
    verify: async (asked) => {
      begin()
      return long.verify(asked).finally(() => running--)
    },
  }
}
