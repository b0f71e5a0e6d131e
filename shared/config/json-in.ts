/** What this text says; `null` where it is not whole, which is as good as not there. */
export function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
