export type Counts = { passed: number; failed: number; skipped: number; complete: boolean }

export type TapReader = {
  /** What a person wants to see of a line; undefined = nothing. */
  read: (line: string) => string | undefined
  counts: Counts
  /** Every line of what failed, for telling it once more at the end, where nobody has to search. */
  failures: string[]
  /** The title of each test that failed. */
  failed: string[]
}

const TEST = /^(ok|not ok) \d+ - (.*?)(?: # (SKIP|TODO).*)?$/
const NOISE = /^(TAP version .*|1\.\.\d+|# (tests|pass|skip|todo|fail) \d+|)$/

/** Reads ava's TAP line by line, counting as it goes. */
export function tapReader(): TapReader {
  const counts: Counts = { passed: 0, failed: 0, skipped: 0, complete: false }
  const failures: string[] = []
  const failed: string[] = []
  let failing = false
  const read = (line: string): string | undefined => {
    const [, verdict, title = '', directive] = TEST.exec(line) ?? []
    if (/^# fail \d+$/.test(line)) counts.complete = true
    const shown = verdict ? test(counts, verdict === 'ok', title, directive) : NOISE.test(line) ? undefined : line
    // What belongs to a test stands below it, indented, also what it logged.
    if (verdict) failing = verdict === 'not ok' && !directive
    if (verdict && failing) failed.push(title)
    else if (line !== '' && !/^(#\s{3}|\s)/.test(line)) failing = false
    if (failing && shown !== undefined) failures.push(shown)
    return shown
  }
  return { read, counts, failures, failed }
}

function test(counts: Counts, ok: boolean, title: string, directive: string | undefined): string {
  if (directive) {
    counts.skipped++
    return `- ${title} (${directive.toLowerCase()})`
  }
  counts[ok ? 'passed' : 'failed']++
  return `${ok ? '✔' : '✘'} ${title}`
}
