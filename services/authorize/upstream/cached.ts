export type CacheTimes = {
  /** How long what was loaded is taken as it is. */
  freshMs: number
  /** How long it tells that whoever it comes from is there. */
  recentMs: number
  /** How long a failure stands, so that who waits does not add to the trouble. */
  retryMs: number
}

export const CACHE_TIMES: CacheTimes = { freshMs: 3_600_000, recentMs: 10_000, retryMs: 5000 }

export type Cached<T> = {
  /** The value; loaded where it is old. The old one serves on while it cannot be loaded. */
  get(): Promise<T>
  /** The same, loaded where it is not recent; rejects where a failure since then says that nobody is there. */
  getRecent(): Promise<T>
  /** The next of both loads it anew. */
  expire(): void
}

export type CachedOptions<T> = {
  load: () => Promise<T>
  /** Whether a failure says that nobody is there. */
  isAway: (error: unknown) => boolean
  times?: CacheTimes
  clock?: () => number
}

/** Loads a value once for all who ask meanwhile, and keeps it for a while. */
export function cached<T>({ load, isAway, times = CACHE_TIMES, clock = Date.now }: CachedOptions<T>): Cached<T> {
  let known: { value: T; at: number } | null = null
  let failed: { error: unknown; at: number } | null = null
  let loading: Promise<void> | null = null

  const loadOnce = () =>
    (loading ??= load()
      .then((value) => {
        known = { value, at: clock() }
        failed = null
      })
      .catch((error: unknown) => {
        failed = { error, at: clock() }
      })
      .finally(() => {
        loading = null
      }))

  async function loadedWithin(ms: number): Promise<void> {
    const now = clock()
    const isYoung = known !== null && now < known.at + ms
    const isFailed = failed !== null && now < failed.at + times.retryMs
    if (!isYoung && !isFailed) await loadOnce()
  }

  function value(isServing: (error: unknown) => boolean): T {
    if (known && (failed === null || isServing(failed.error))) return known.value
    throw failed?.error
  }

  return {
    get: async () => {
      await loadedWithin(times.freshMs)
      return value(() => true)
    },
    getRecent: async () => {
      await loadedWithin(times.recentMs)
      return value((error) => !isAway(error))
    },
    expire: () => {
      if (known) known.at = -Infinity
    },
  }
}
