import { SingleBar } from 'cli-progress'
import type { Progress } from '../../../shared/event-log/fold-log.ts'

const QUICK_MS = 1_000
const EVERY_MS = 5_000
const BAR = 'reading {reading} {bar} {percentage} % ({value} of {total})'

type Stream = NodeJS.WritableStream & { isTTY?: boolean }

/**
 * Shows how far a long reading is, on stderr: a bar on a terminal, else a line now and then; nothing when it is quick.
 */
export function createProgress(stderr: Stream): { update: Progress; stop: () => void } {
  return stderr.isTTY === true ? progressBar(stderr) : progressLines(stderr)
}

function progressBar(stream: Stream): { update: Progress; stop: () => void } {
  const started = performance.now()
  let bar: SingleBar | null = null
  const update: Progress = (done, total, what) => {
    const reading = what === 'rows' ? 'the read model' : 'the log'
    if (!bar && performance.now() - started < QUICK_MS) return
    if (!bar) {
      bar = new SingleBar({ stream, format: BAR, clearOnComplete: true })
      bar.start(total, done, { reading })
    }
    bar.setTotal(total)
    bar.update(done, { reading })
  }
  return { update, stop: () => bar?.stop() }
}

function progressLines(stream: Stream): { update: Progress; stop: () => void } {
  let next = performance.now() + QUICK_MS
  const update: Progress = (done, total, what) => {
    if (performance.now() < next) return
    next = performance.now() + EVERY_MS
    const whole = what === 'rows' ? `about ${total} rows of the read model` : `${total} offsets of the log`
    stream.write(`read ${done} of ${whole} (${Math.floor((100 * done) / total)} %)\n`)
  }
  return { update, stop: () => undefined }
}
