/**
 * Whether some text in this JSON value is of the kind that PostgreSQL can hold neither in text nor in jsonb: U+0000, or
 * half a surrogate pair. Walks without recursion: JSON of a few kilobytes can be nested deeper than the stack is.
 */
export function hasUnstorableText(value: unknown): boolean {
  const pending = [value]
  while (pending.length > 0) {
    const next = pending.pop()
    if (typeof next === 'string' && /[\0\p{Surrogate}]/u.test(next)) return true
    if (typeof next !== 'object' || next === null) continue
    for (const [name, member] of Object.entries(next)) pending.push(name, member)
  }
  return false
}
