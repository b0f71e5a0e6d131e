import { readFileSync } from 'node:fs'

/** What stands in a file that a setting names, without white space around it; or why that cannot be had, in words. */
export function readNamedFile(
  path: string,
): { text: string; problem?: undefined } | { text?: undefined; problem: string } {
  try {
    const text = readFileSync(path, 'utf8').trim()
    return text === '' ? { problem: `${path} is an empty file` } : { text }
  } catch (error) {
    return { problem: `${path} cannot be read: ${systemReason(error)}` }
  }
}

/** What the system says is wrong, without its code and its names: `permission denied`. */
export function systemReason(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  return /^[A-Z]\w+: ([^,]+)/.exec(message)?.[1] ?? message
}
