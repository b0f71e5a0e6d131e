/** Whether some text in this JSON value is of the kind that PostgreSQL can hold neither in text nor in jsonb: U+0000, or half a surrogate pair. */
export function hasUnstorableText(value: unknown): boolean {
  if (typeof value === 'string') return /[\0\p{Surrogate}]/u.test(value)
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(value).some(([name, member]) => hasUnstorableText(name) || hasUnstorableText(member))
}
