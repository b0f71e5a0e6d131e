import test from 'ava'
import pino from 'pino'
import { answerWithin } from '../../shared/http/answer-within.ts'
import { createHttpApp } from '../../shared/http/app/create-app.ts'
import { readForm } from '../../shared/http/input/form-body.ts'
import { listen } from '../../shared/http/listen.ts'
import { knownError } from '../../shared/process/known-errors.ts'
import { nextData, openSocket } from '../support/raw-requests.ts'

const POST =
  'POST /form HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 3\r\n\r\n'

/** What comes back for these bytes, until the server has answered; and what was logged. */
async function answerTo(t: { teardown: (close: () => Promise<void>) => void }, bytes: string) {
  const lines: string[] = []
  const logger = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) })
  const { app, router } = createHttpApp({
    for: 'machines',
    known: knownError,
    logger,
    requireHttps: false,
    trustedProxies: [],
  })
  router.post('/form', answerWithin(0), async (ctx) => {
    await readForm(ctx)
    await new Promise(() => undefined)
  })
  const listener = await listen(app, { host: '127.0.0.1', port: 0 })
  t.teardown(() => listener.close(0))
  const socket = openSocket(listener.port)
  socket.write(bytes)
  const answer = await nextData(socket)
  socket.destroy()
  return { answer, lines }
}

test('what hangs is answered 503 in time', async (t) => {
  const { answer, lines } = await answerTo(t, `${POST}a=1`)
  t.regex(answer, /^HTTP\/1\.1 503 [^]*Retry-After: 1/)
  t.is(lines.length, 1)
})

test('a request that does not arrive in time is answered 408, and is no outage in the log', async (t) => {
  const { answer, lines } = await answerTo(t, `${POST}a`)
  t.regex(answer, /^HTTP\/1\.1 408 [^]*Connection: close[^]*"invalid_request"/)
  t.deepEqual(lines, [])
})
