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

test('a long reading tells what it reads, the log or the read model, how far it is, how fast, and how long it will take', async (t) => {
  const told = /^read 500 of 2000 offsets of the log \(25 %\), (\d+) a second, (\d+) s left\n$/.exec(
    await firstLine(500, 2_000),
  )
  const [rate, left] = [Number(told?.[1]), Number(told?.[2])]
  t.true(rate > 0 && rate <= 500, `${rate} a second: the first line comes after a second`)
  t.true(left >= Math.floor(1_500 / rate) && left <= Math.ceil(1_500 / (rate - 0.5)) + 1, `${left} s for what is left`)
  t.regex(
    await firstLine(500, 2_000, 'rows'),
    /^read 500 of about 2000 rows of the read model \(25 %\), \d+ a second, \d+ s left\n$/,
  )
  t.regex(await firstLine(500, 2_000_000), /^read 500 of 2000000 .* a second, \d\.\d h left\n$/)
})
