import { Writable } from 'node:stream'
import test from 'ava'
import { createProgress } from '../../services/cli/render/progress.ts'
import { until } from '../support/waiting.ts'

async function firstLine(...said: Parameters<ReturnType<typeof createProgress>['update']>): Promise<string> {
  let text = ''
  const stderr = new Writable({
    write: (chunk, _encoding, done) => {
      text += String(chunk)
      done()
    },
  })
  const progress = createProgress(stderr)
  progress.update(...said)
  if (text !== '') throw new Error('what is quick tells nothing')
  await until(() => {
    progress.update(...said)
    return text !== ''
  }, 'a line')
  progress.stop()
  return text
}

test('a long reading tells what it reads, the log or the read model, and how far it is', async (t) => {
  t.is(await firstLine(500, 2_000), 'read 500 of 2000 offsets of the log (25 %)\n')
  t.is(await firstLine(500, 2_000, 'rows'), 'read 500 of about 2000 rows of the read model (25 %)\n')
})
