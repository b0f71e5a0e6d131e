export type Counts = { passed: number; failed: number; skipped: number; complete: boolean }

/** Reads ava's TAP line by line: what a person wants to see of a line (undefined = nothing), counting as it goes. */
export function tapReader(counts: Counts): (line: string) => string | undefined {
  return (line) => {
    const [, verdict, title, directive] = /^(ok|not ok) \d+ - (.*?)(?: # (SKIP|TODO).*)?$/.exec(line) ?? []
    if (verdict) return test(counts, verdict === 'ok', title ?? '', directive)
    if (/^# fail \d+$/.test(line)) counts.complete = true
    return /^(TAP version .*|1\.\.\d+|# (tests|pass|skip|todo|fail) \d+|)$/.test(line) ? undefined : line
  }
}

function test(counts: Counts, ok: boolean, title: string, directive: string | undefined): string {
  if (directive) {
    counts.skipped++
    return `- ${title} (${directive.toLowerCase()})`
  }
  counts[ok ? 'passed' : 'failed']++
  return `${ok ? '✔' : '✘'} ${title}`
}
