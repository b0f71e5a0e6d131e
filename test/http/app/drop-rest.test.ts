import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import test from 'ava'
import { inTime } from '../../support/in-time.ts'
import { serve } from '../serve-app.ts'

const NEXT = 'GET /address HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'

// What no compression makes small, so that far more than any buffer holds is still on its way at the 413.
const LARGE = Buffer.concat([Buffer.from('a='), randomBytes(2_000_000)])

const CODINGS: Record<string, Buffer> = {
  identity: LARGE,
  gzip: gzipSync(LARGE),
  deflate: deflateSync(LARGE),
  br: brotliCompressSync(LARGE),
  // Small on the way, and large only once it is decompressed.
  'gzip of zeros': gzipSync(Buffer.alloc(100_000_000)),
}

function head(path: string, coding: string, length: string): string {
  const encoding = coding === 'identity' ? '' : `Content-Encoding: ${coding.split(' ')[0]}\r\n`
  return `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n${encoding}${length}\r\n\r\n`
}

/** Sends these bytes at once; everything that comes back until the server closes, and after how many ms it did. */
async function sent(port: number, ...parts: (string | Buffer)[]): Promise<{ answer: string; ms: number }> {
  const socket = connect(port, '127.0.0.1')
  let answer = ''
  socket.setEncoding('latin1').on('data', (data: string) => (answer += data))
  const start = performance.now()
  for (const part of parts) socket.write(part)
  await once(socket, 'close')
  return { answer, ms: performance.now() - start }
}

for (const [coding, body] of Object.entries(CODINGS))
  test(`after a body of coding ${coding} that is too large the next request on its connection is answered at once`, async (t) => {
    const { port } = await serve(t)
    const announced = [head('/oauth2/token', coding, `Content-Length: ${body.length}`), body]
    const chunks = [`${body.length.toString(16)}\r\n`, body, '\r\n0\r\n\r\n']
    for (const parts of [announced, [head('/oauth2/token', coding, 'Transfer-Encoding: chunked'), ...chunks]]) {
      const { answer, ms } = await sent(port, ...parts, NEXT)
      t.regex(answer, /^HTTP\/1\.1 413 [^]*HTTP\/1\.1 200 /)
      t.true(ms < inTime(2_500), `${ms} ms`)
    }
  })

test('a body that is not read at all holds up nobody either', async (t) => {
  const { port } = await serve(t)
  for (const [path, status] of [
    ['/nothing', 404],
    ['/json', 400],
  ] as const) {
    const { answer, ms } = await sent(port, head(path, 'gzip', `Content-Length: ${LARGE.length}`), LARGE, NEXT)
    t.regex(answer, new RegExp(`^HTTP/1\\.1 ${status} [^]*HTTP/1\\.1 200 `))
    t.true(ms < inTime(2_500), `${ms} ms`)
  }
})

test('a body without end is answered 413, and ends with its connection', async (t) => {
  const { port } = await serve(t)
  const chunk = Buffer.from(`10000\r\n${'x'.repeat(0x10000)}\r\n`)
  const socket = connect(port, '127.0.0.1')
  let answer = ''
  socket.setEncoding('latin1').on('data', (data: string) => (answer += data))
  // The server closes while we still write.
  socket.on('error', () => undefined)
  const closed = new Promise((resolve) => void socket.once('close', resolve))
  socket.write(head('/oauth2/token', 'identity', 'Transfer-Encoding: chunked'))
  const send = () => void (socket.writable && socket.write(chunk, send))
  send()
  await closed
  t.regex(answer, /^HTTP\/1\.1 413 /)
})

test('a body that stops on its way after the 413 ends with its connection', async (t) => {
  const { port } = await serve(t)
  const { answer } = await sent(port, head('/oauth2/token', 'identity', 'Content-Length: 3000000'), LARGE)
  t.regex(answer, /^HTTP\/1\.1 413 /)
  t.notRegex(answer, /HTTP\/1\.1 408/)
})
