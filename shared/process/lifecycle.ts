import type { Logger } from 'pino'

export type Lifecycle = {
  /** True from the moment that stopping began: readiness must answer 503 then. */
  stopping(): boolean
  /** Registers what must be closed, in the order in which it was opened; stopping closes in the reverse order. */
  onStop(name: string, close: () => Promise<unknown>): void
  /** Begins to stop, or joins the stop under way. Resolves to false when a part failed or the hard limit passed. */
  stop(): Promise<boolean>
}

export type LifecycleOptions = {
  logger: Logger
  /** How long to go on serving after readiness turned 503, so that load balancers notice. */
  drainMs: number
  /** After this long in all, stopping gives up waiting. */
  hardLimitMs: number
}

/** One orderly end for a whole process: not ready, wait, close in reverse order of opening, within a hard limit. */
export function createLifecycle({ logger, drainMs, hardLimitMs }: LifecycleOptions): Lifecycle {
  const parts: { name: string; close: () => Promise<unknown> }[] = []
  let stopped: Promise<boolean> | null = null

  const closeParts = async (): Promise<boolean> => {
    await pause(drainMs)
    let clean = true
    for (const { name, close } of parts.toReversed())
      await close().catch((error: unknown) => {
        // One part that cannot close must not keep the next ones open.
        logger.error({ part: name, problem: String(error) }, 'closing failed')
        clean = false
      })
    return clean
  }

  return {
    stopping: () => stopped !== null,
    onStop: (name, close) => void parts.push({ name, close }),
    stop: () => (stopped ??= within(closeParts(), hardLimitMs)),
  }
}

/** SIGTERM and SIGINT stop the process in order; a second signal ends it at once. */
export function stopOnSignals(lifecycle: Lifecycle, exit: (code: number) => void): void {
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.on(signal, () => {
      if (lifecycle.stopping()) return exit(1)
      void lifecycle.stop().then((clean) => exit(clean ? 0 : 1))
    })
}

/** SIGHUP has the process read again what may change while it runs; without that it would end it. */
export function renewOnHangup(renew: () => void): void {
  process.on('SIGHUP', renew)
}

async function within(work: Promise<boolean>, ms: number): Promise<boolean> {
  const limit = new AbortController()
  const late = pause(ms, limit.signal).then(() => false)
  const clean = await Promise.race([work, late])
  limit.abort()
  return clean
}

function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal?.addEventListener('abort', () => clearTimeout(timer))
  })
}
