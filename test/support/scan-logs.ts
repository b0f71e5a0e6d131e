import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * The folder of a run with a folder for each test file: its logs, and the list of what it seeded, a JSON string a line.
 */
export const LOGS = 'logs'
export const SEEDED = 'seeded'

/** What no log line may hold, whatever test it comes from. Quotes may be escaped: JSON within JSON. */
const FORBIDDEN: [what: string, pattern: RegExp][] = [
  ['a token', /tl_(at|rt|ac)_[\w-]{55}/],
  ['an Authorization header', /\b(Basic|Bearer) [\w+/=.-]{16,}/],
  ['a key', /\b\d{1,3}:[A-Za-z0-9+/]{43}=/],
  ['the hash of a secret', /\bhash\\*["']?: ?\\*["'][\w-]{43}/],
  ['a whole record', /\bspecversion\\*["']?: ?\\*["']|\bdataschema\\*["']?: ?\\*["']/],
  ['bytes', /"type":"Buffer"|<Buffer [\da-f]{2} /],
  ['what PostgreSQL says of a row', /\bKey \([^)]*\)=\(|Failing row contains/],
  ['a password in a URL', /\b[a-z]+:\/\/[^\s:@/"]*:[^\s@/"]+@/],
]

/** Where something stands that must not, and what kind of thing; never the thing itself. */
export type Hit = { file: string; line: number; what: string }

/** Looks through lines for what no log may hold, and for these seeded texts, as they are or in base64 or hex. */
export function scan(file: string, text: string, seeded: readonly string[]): Hit[] {
  const forms = seeded.flatMap((one) => [
    one,
    escaped(one),
    Buffer.from(one).toString('base64').replace(/=+$/, ''),
    hex(one),
  ])
  const known = [...new Set(forms)]
  return text.split('\n').flatMap((content, index) => {
    const found = FORBIDDEN.flatMap(([what, pattern]) => (pattern.test(content) ? [what] : []))
    const isSeeded = known.some((one) => content.includes(one))
    return [...found, ...(isSeeded ? ['a seeded secret or name'] : [])].map((what) => ({ file, line: index + 1, what }))
  })
}

/** `printed`: by the test files themselves. `isWhole`: of all test files, which cannot but log and seed something. */
type Run = { printed?: string; isWhole?: boolean }

/**
 * Looks through every log that a run kept, and what its test files printed. `count`: how many lines there were. A whole
 * run that kept none, or seeded nothing, is a hit itself: then nothing was looked for.
 */
export async function scanLogs(
  folder: string,
  { printed = '', isWhole = false }: Run = {},
): Promise<{ hits: Hit[]; count: number }> {
  const [hits, everything] = [[] as Hit[], [] as string[]]
  let count = linesOf(printed)
  for (const file of await readdir(folder).catch((): string[] => [])) {
    const names = await readdir(join(folder, file))
    const seeded = names.includes(SEEDED) ? jsonLines(await readFile(join(folder, file, SEEDED), 'utf8')) : []
    everything.push(...seeded)
    for (const name of names.filter((name) => name.endsWith('.log'))) {
      const text = await readFile(join(folder, file, name), 'utf8')
      count += linesOf(text)
      hits.push(...scan(`${file}/${name}`, text, seeded))
    }
  }
  const isEmpty = count === linesOf(printed) || everything.length === 0
  if (isWhole && isEmpty) hits.push({ file: LOGS, line: 0, what: 'nothing, of a whole run' })
  return { hits: [...hits, ...scan('stderr of the tests', printed, everything)], count }
}

function linesOf(text: string): number {
  return text.split('\n').length - 1
}

function jsonLines(text: string): string[] {
  const lines = text.split('\n').filter(Boolean)
  return [...new Set(lines.map((line) => String(JSON.parse(line))))]
}

function escaped(text: string): string {
  return JSON.stringify(text).slice(1, -1)
}

function hex(text: string): string {
  return Buffer.from(text).toString('hex')
}
