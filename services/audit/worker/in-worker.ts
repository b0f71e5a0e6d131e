import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { unavailable } from '../../../shared/http/oauth-error.ts'
import type { VerifyReport } from '../verify/verify.ts'
import type { Asked, LongAudit } from './long-audit.ts'
import type { Order, Question, Reading, Said } from './messages.ts'

/** Objects of a worker; what it spills and reads lies outside of that, some 200 MB for 10,000,000 grants. */
const HEAP_MB = 512

/** Built or not, it lies beside this file. */
const WORKER = fileURLToPath(new URL(`./worker-main${extname(import.meta.url)}`, import.meta.url))

/**
 * Answers each question in a process of its own, at a low priority and with a limit to its memory: whatever
 * becomes of it, this process goes on.
 */
export function inWorker(reading: Reading, heapMb = HEAP_MB): LongAudit {
  async function* pieces(question: Question, asked: Asked): AsyncGenerator<Uint8Array> {
    const { child, ended } = start(reading, question, { asked, heapMb })
    try {
      if (child.stdout) for await (const chunk of child.stdout as AsyncIterable<Uint8Array>) yield chunk
      await ended
    } finally {
      child.kill('SIGKILL')
    }
  }
  return {
    events: (replay, asked) => pieces({ kind: 'events', asked: replay }, asked),
    export: (sub, asked) => pieces({ kind: 'export', sub }, asked),
    verify: async (asked) => {
      const { report } = await start(reading, { kind: 'verify' }, { asked, heapMb }).ended
      if (!report) throw new Error('a verification ended without a report')
      return report
    },
  }
}

type Limits = { asked: Asked; heapMb: number }
type Ended = { report: VerifyReport | null }

function start(
  reading: Reading,
  question: Question,
  { asked: { alive, signal }, heapMb }: Limits,
): { child: ChildProcess; ended: Promise<Ended> } {
  signal.throwIfAborted()
  const child = fork(WORKER, {
    execArgv: [
      ...process.execArgv.filter((flag) => !/^--(inspect|max-old-space)/.test(flag)),
      `--max-old-space-size=${heapMb}`,
    ],
    env: withoutSettings(process.env),
    serialization: 'advanced',
    stdio: ['ignore', 'pipe', 'ignore', 'ipc'],
  })
  let said: Said | null = null
  child.on('message', (message: Said) => {
    said = message
    alive()
  })
  const kill = () => child.kill('SIGKILL')
  signal.addEventListener('abort', kill)
  const ended = Promise.all([once(child, 'exit'), once(child, 'disconnect')]).then(([[code, by]]) =>
    outcome(said, by ?? code),
  )
  // Handled where it is awaited, however long the reader takes.
  ended.catch(() => undefined).finally(() => signal.removeEventListener('abort', kill))
  // One that cannot be told has ended, which is told above.
  child.send(orderOf(reading, question), () => undefined)
  return { child, ended }
}

/** It has them from the message alone. */
function withoutSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('LEDGER_')))
}

/** The settings without the keys and secrets that reading needs none of. */
function orderOf({ settings, schema, projectSecrets }: Reading, question: Question): Order {
  const { SECRETS_SYSTEM, SECRETS_CHECK, SECRETS_PROJECT, BOOTSTRAP_CLIENT_SECRET, ...rest } = settings
  void [SECRETS_SYSTEM, SECRETS_CHECK, SECRETS_PROJECT, BOOTSTRAP_CLIENT_SECRET]
  return { settings: rest, schema, projectSecrets, question }
}

function outcome(said: Said | null, ended: unknown): Ended {
  switch (said?.kind) {
    case 'done':
      return said
    case 'unavailable':
      throw unavailable(said.reason, undefined, said.alarm)
    case 'bug':
      throw new Error(`the process that reads the log failed: ${said.stack}`)
    default:
      throw unavailable(`the process that reads the log ended before its answer did: ${String(ended)}`)
  }
}
