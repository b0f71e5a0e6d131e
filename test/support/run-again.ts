import { readdirSync } from 'node:fs'
import { join } from 'node:path'

const TESTS = join(import.meta.dirname, '..')
const MAX_FILES = 3

/**
 * The test files in which these tests failed, to be run once more by themselves: what then passes failed for want of
 * time beside the others. None where too much failed, or a title is of no file.
 */
export function filesToRepeat(titles: readonly string[]): string[] {
  const files = readdirSync(TESTS, { encoding: 'utf8', recursive: true }).filter((name) => name.endsWith('.test.ts'))
  const found = titles.map((title) => files.filter((file) => title.startsWith(titleOf(file))))
  const repeated = [...new Set(found.flat())]
  const isKnown = titles.length > 0 && found.every((each) => each.length > 0)
  return isKnown && repeated.length <= MAX_FILES ? repeated.map((file) => join('test', file)) : []
}

// As ava begins the title of every test in it.
function titleOf(file: string): string {
  return `${file
    .replace(/\.test\.ts$/, '')
    .split(/[\\/]/)
    .join(' › ')} › `
}
