const EVERY_MS = 2_000

/**
 * Keeps the group membership while the follower works: kafkajs sends heartbeats only between batches. When one fails,
 * the group is about to share its partitions out anew: the work under way is finished, and not tried again.
 */
export function createHeartbeats() {
  const working = new Set<AbortController>()
  let heartbeat: () => Promise<void> = async () => undefined
  let timer: NodeJS.Timeout | undefined

  /** Does the work with heartbeats going out; its signal says when not to try again. */
  async function during<T>(beat: () => Promise<void>, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const controller = new AbortController()
    working.add(controller)
    heartbeat = beat
    timer ??= setInterval(() => void heartbeat().catch(interrupt), EVERY_MS)
    try {
      return await work(controller.signal)
    } finally {
      working.delete(controller)
      if (working.size === 0) {
        clearInterval(timer)
        timer = undefined
      }
    }
  }

  function interrupt(): void {
    for (const controller of working) controller.abort()
  }

  return { during, interrupt }
}
