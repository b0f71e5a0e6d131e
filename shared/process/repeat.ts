/**
 * Does this every `everyMs`, and never twice at once. It must not reject. `stop` resolves once what is under way is
 * done. Does not keep a process alive.
 */
export function repeat(look: () => Promise<void>, everyMs: number): { stop: () => Promise<void> } {
  let looking: Promise<void> | null = null
  const timer = setInterval(() => {
    looking ??= look().finally(() => (looking = null))
  }, everyMs)
  timer.unref()
  return {
    stop: async () => {
      clearInterval(timer)
      await looking
    },
  }
}
