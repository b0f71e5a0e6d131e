export type CacheTimes = {
  /** How long what was loaded is taken as it is. */
  freshMs: number
  /** How long a failure stands, so that who waits does not add to the trouble. */
  retryMs: number
}

export const CACHE_TIMES: CacheTimes = { freshMs: 3_600_000, retryMs: 5000 }

export type Cached<T> = {
  /** The value; loaded where it is old. The old one serves on while it cannot be loaded. */
  get(): Promise<T>
  /** The next `get` loads it anew. */
  expire(): void
}

/** Loads a value once for all who ask meanwhile, and keeps it for a while. */
export function cached<T>(load: () => Promise<T>, times: CacheTimes = CACHE_TIMES, clock = Date.now): Cached<T> {
  let known: { value: T; until: number } | null = null
  let failed: { error: unknown; until: number } | null = null
  let loading: Promise<T> | null = null

  const loadOnce = () =>
    (loading ??= load()
      .then((value) => {
        known = { value, until: clock() + times.freshMs }
        failed = null
        return value
      })
      .catch((error: unknown) => {
        failed = { error, until: clock() + times.retryMs }
        if (known) return known.value
        throw error
      })
      .finally(() => {
        loading = null
      }))

  return {
    get: async () => {
      const now = clock()
      if (known && now < known.until) return known.value
      if (!failed || now >= failed.until) return loadOnce()
      if (known) return known.value
      throw failed.error
    },
    expire: () => {
      if (known) known.until = 0
    },
  }
}
