import { SingleBar } from 'cli-progress'
import type { Progress } from '../../../shared/event-log/fold-log.ts'

const QUICK_MS = 1_000
const EVERY_MS = 5_000
const DOING = {
  log: { bar: 'reading the log', did: 'read', of: '', whole: 'offsets of the log' },
  rows: { bar: 'reading the read model', did: 'read', of: 'about ', whole: 'rows of the read model' },
  keys: { bar: 'wrapping keys', did: 'wrapped', of: 'about ', whole: 'keys of persons' },
  people: { bar: 'forgetting', did: 'forgot', of: '', whole: 'people' },
}
const BAR = '{doing} {bar} {percentage} % ({value} of {total}), {pace}'

type Stream = NodeJS.WritableStream & { isTTY?: boolean }

/** Shows how far a long work is, on stderr: a bar on a terminal, else a line now and then; nothing when it is quick. */
export function createProgress(stderr: Stream): { update: Progress; stop: () => void } {
  return stderr.isTTY === true ? progressBar(stderr) : progressLines(stderr)
}

/** These pages, while a terminal is told how many entities there were: of a list nobody knows how long it is. */
export async function* counting<Entity>(
  stderr: Stream,
  pages: AsyncIterable<Entity[]>,
  what: string,
): AsyncGenerator<Entity[]> {
  const started = performance.now()
  let bar: SingleBar | null = null
  let count = 0
  try {
    for await (const page of pages) {
      count += page.length
      if (!bar && performance.now() - started >= QUICK_MS) {
        bar = new SingleBar({ stream: stderr, format: `{value} ${what} ({duration_formatted})`, clearOnComplete: true })
        bar.start(0, count)
      }
      bar?.update(count)
      yield page
    }
  } finally {
    bar?.stop()
  }
}

function progressBar(stream: Stream): { update: Progress; stop: () => void } {
  const started = performance.now()
  const pace = paceSince(started)
  let bar: SingleBar | null = null
  const update: Progress = (done, total, what) => {
    if (!bar && performance.now() - started < QUICK_MS) return
    if (!bar) {
      bar = new SingleBar({ stream, format: BAR, clearOnComplete: true })
      bar.start(total, done, { doing: DOING[what ?? 'log'].bar, pace: '' })
    }
    bar.setTotal(total)
    bar.update(done, { doing: DOING[what ?? 'log'].bar, pace: pace(done, total, what) })
  }
  return { update, stop: () => bar?.stop() }
}

function progressLines(stream: Stream): { update: Progress; stop: () => void } {
  let next = performance.now() + QUICK_MS
  const pace = paceSince(performance.now())
  const update: Progress = (done, total, what) => {
    if (performance.now() < next) return
    next = performance.now() + EVERY_MS
    const { did, of, whole } = DOING[what ?? 'log']
    const percentage = Math.floor((100 * done) / total)
    stream.write(`${did} ${done} of ${of}${total} ${whole} (${percentage} %), ${pace(done, total, what)}\n`)
  }
  return { update, stop: () => undefined }
}

/** How fast it goes, and how long it will take if it goes on so; what is read first counts by itself. */
function paceSince(started: number): (...said: Parameters<Progress>) => string {
  let begun = { at: started, done: 0, what: undefined as string | undefined }
  return (done, total, what) => {
    const now = performance.now()
    if (what !== begun.what) begun = { at: begun.what === undefined && begun.done === 0 ? started : now, done: 0, what }
    const rate = (1000 * (done - begun.done)) / Math.max(1, now - begun.at)
    return rate < 1 ? 'slowly' : `${Math.round(rate)} a second, ${timeText((total - done) / rate)} left`
  }
}

function timeText(seconds: number): string {
  const whole = Math.max(0, Math.ceil(seconds))
  if (whole < 60) return `${whole} s`
  return whole < 3600 ? `${Math.ceil(whole / 60)} min` : `${(whole / 3600).toFixed(1)} h`
}
