const MINUTE_MS = 60_000

/** Whether it is time to tell this: the first time, and then once a minute for as long as it goes on. */
export function onceAMinute(): (text: string) => boolean {
  const told = new Map<string, number>()
  return (text) => {
    const now = performance.now()
    for (const [old, at] of told) if (now - at >= MINUTE_MS) told.delete(old)
    if (told.has(text)) return false
    told.set(text, now)
    return true
  }
}
