type Entry = { level: number; time: number; msg?: string; pid?: number } & Record<string, unknown>

const WARN = 40
const ERROR = 50

/** Turns pino's JSON lines into short ones for a person at a terminal. Probes of health are left out. */
export function humanLines(output: { write(text: string): unknown }, { colour }: { colour: boolean }) {
  return {
    write: (line: string) => {
      const entry = JSON.parse(line) as Entry
      if (!isProbe(entry)) output.write(`${humanLine(entry, colour)}\n`)
    },
  }
}

function isProbe({ msg, path, level }: Entry): boolean {
  return level < WARN && msg === 'request' && typeof path === 'string' && /^\/(health\/|version$)/.test(path)
}

function humanLine(entry: Entry, colour: boolean): string {
  const text = `${timeOf(entry.time)} ${levelOf(entry.level)}${plain(textOf(entry))}`
  if (!colour || entry.level < WARN) return text
  return `\u001b[${entry.level < ERROR ? 33 : 31}m${text}\u001b[39m`
}

function textOf(entry: Entry): string {
  const { msg = '', public_url, admin_url } = entry
  if (msg === 'request') return requestText(entry)
  // Whoever started it knows which services; all else would not fit on a line.
  if (msg === 'serving') return [msg, public_url, admin_url].filter(Boolean).join(' ')
  return [msg, ...fieldsOf(entry)].join('  ')
}

/** `POST /oauth2/token 200 12.3 ms demo-app`, and why it was refused. */
function requestText({ method, path, status, ms, client_id, error, reason }: Record<string, unknown>): string {
  const why = [error, reason].filter((part) => typeof part === 'string').join(': ')
  return [method, path, status, `${String(ms)} ms`, client_id, why]
    .filter((part) => part !== undefined && part !== '')
    .join(' ')
}

/** These stand in every line, are told in another way, or are for who searches a whole log. */
const USUAL = ['level', 'time', 'pid', 'msg', 'request_id']

function fieldsOf(entry: Entry): string[] {
  const own = Object.entries(entry).filter(([name]) => !USUAL.includes(name))
  return own.map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
}

function timeOf(time: number): string {
  return new Date(time).toTimeString().slice(0, 8)
}

function levelOf(level: number): string {
  if (level >= ERROR) return 'ERROR '
  return level >= WARN ? 'warning ' : ''
}

/** A path or a name that somebody sent must not steer the terminal. Lines stay, a stack has several. */
function plain(text: string): string {
  return text.replace(/[^\P{Cc}\n]|\p{Cf}/gu, '?')
}
