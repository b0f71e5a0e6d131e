import { PREFIX } from './settings.ts'

const MAX_DISTANCE = 4

/**
 * Kubernetes puts such variables into every pod beside a service named `ledger` or `ledger-…`: they are nobody's
 * mistake.
 */
const KUBERNETES = /_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$/

/** One problem for each LEDGER_ variable that is not a known name, with the name that was probably meant. */
export function unknownNames(env: Record<string, string | undefined>, known: readonly string[]): string[] {
  const names = Object.keys(env).filter((name) => name.startsWith(PREFIX) && !known.includes(name))
  return names.filter((name) => !isKubernetes(name, env[name] ?? '')).map((name) => problemOf(name, known))
}

function isKubernetes(name: string, value: string): boolean {
  return KUBERNETES.test(name) || (name.endsWith('_PORT') && /^(tcp|udp|sctp):\/\//.test(value))
}

function problemOf(name: string, known: readonly string[]): string {
  const meant = nearest(name, known)
  return `${name} is not a setting${meant === null ? '' : `; did you mean ${meant}?`}`
}

/** Which of the known names was probably meant; `null`: none is near. */
export function nearest(name: string, known: readonly string[]): string | null {
  const ranked = known
    .map((candidate) => ({ candidate, away: distance(name, candidate) }))
    .sort((a, b) => a.away - b.away)
  const [first] = ranked
  return first && first.away <= MAX_DISTANCE ? first.candidate : null
}

/** Levenshtein distance: how many characters were added, dropped or changed. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (const [above, character] of [...from].entries()) {
    const next = [above + 1]
    for (const [column, other] of [...to].entries()) {
      const changed = (row[column] ?? 0) + (character === other ? 0 : 1)
      next.push(Math.min(changed, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1))
    }
    row = next
  }
  return row[to.length] ?? 0
}
