import { EventEmitter, once } from 'node:events'
import { Agent, get, type IncomingMessage } from 'node:http'
import test, { type ExecutionContext } from 'ava'
import Koa from 'koa'
import type { HttpState } from '../../shared/http/context.ts'
import { readBody } from '../../shared/http/input/read-body.ts'
import { listen } from '../../shared/http/listen.ts'
import { openSocket } from '../support/raw-requests.ts'
import { arrival, until } from '../support/waiting.ts'

async function answerOf(
  url: string,
  agent: Agent,
): Promise<{ status: number | undefined; connection: string | undefined }> {
  const [response] = (await arrival(once(get(url, { agent }), 'response'), 'an answer')) as [IncomingMessage]
  response.resume()
  await arrival(once(response, 'end'), 'the end of the answer')
  return { status: response.statusCode, connection: response.headers.connection }
}

/** A server whose answers wait until the test lets them go. */
async function slowServer() {
  const gate = new EventEmitter()
  const app = new Koa()
  app.use(async (ctx) => {
    if (ctx.path === '/slow') {
      const opened = once(gate, 'open')
      gate.emit('waiting')
      await opened
    }
    ctx.body = {}
  })
  return { gate, listener: await listen(app, { host: '127.0.0.1', port: 0 }) }
}

test('closing answers what is under way, ends idle connections and takes no new ones', async (t) => {
  const { gate, listener } = await slowServer()
  const agent = new Agent({ keepAlive: true })
  t.teardown(() => agent.destroy())
  await answerOf(`${listener.url}/`, agent)
  const waiting = arrival(once(gate, 'waiting'), 'a request')
  const slow = answerOf(`${listener.url}/slow`, new Agent({ keepAlive: true }))
  await waiting
  // Far beyond the test's own time limit: only the sweep of idle connections can end it.
  const closed = listener.close(600_000)
  await t.throwsAsync(answerOf(`${listener.url}/`, new Agent()), { code: 'ECONNREFUSED' })
  gate.emit('open')
  t.is((await slow).status, 200)
  await closed
})

test('a request that does not end is cut off after the grace', async (t) => {
  const { gate, listener } = await slowServer()
  const waiting = arrival(once(gate, 'waiting'), 'a request')
  const slow = t.throwsAsync(answerOf(`${listener.url}/slow`, new Agent()))
  await waiting
  await listener.close(50)
  await slow
})

test('a taken port is an error', async (t) => {
  const { listener } = await slowServer()
  t.teardown(() => listener.close(0))
  await t.throwsAsync(listen(new Koa(), { host: '127.0.0.1', port: listener.port }), { code: 'EADDRINUSE' })
})

/** A listener whose requests must arrive within these times, and how each of its handlers ended. */
async function impatient(t: ExecutionContext, patience: { requestMs: number; headersMs: number }) {
  const ended: string[] = []
  const app = new Koa<HttpState>()
  app.use(async (ctx) => {
    await readBody(ctx).then(
      (body) => ended.push(body),
      (error: Error) => ended.push(error.message),
    )
    ctx.body = {}
  })
  const listener = await listen(app, { host: '127.0.0.1', port: 0, patience })
  t.teardown(() => listener.close(0))
  return { ...listener, ended }
}

/** Sends a byte of this every now and then, until the other side has had enough; all that it answered. */
async function trickle(port: number, head: string): Promise<string> {
  const start = performance.now()
  const socket = openSocket(port)
  let answer = ''
  socket.on('data', (data: string) => (answer += data)).on('error', () => undefined)
  socket.write(head)
  const drip = setInterval(() => socket.write('a'), 100)
  await arrival(once(socket, 'close'), 'the end of a connection that is too slow')
  clearInterval(drip)
  const ms = performance.now() - start
  // Node by itself looks every 30 s.
  return ms < 20_000 ? answer : `after ${ms} ms: ${answer}`
}

const LATE = /^HTTP\/1\.1 408 Request Timeout\r\n[^]*no-store[^]*\r\n\r\n.*"error":"invalid_request"/

test('headers that come too slowly are a 408 in JSON, and no handler ever sees them', async (t) => {
  const { port, ended } = await impatient(t, { requestMs: 60_000, headersMs: 500 })
  for (const head of ['GET /', 'GET / HTTP/1.1\r\nHost: a\r\nX: ']) t.regex(await trickle(port, head), LATE, head)
  t.deepEqual(ended, [])
})

test('a body that comes too slowly is a 408 in JSON, and its handler ends', async (t) => {
  const { port, ended } = await impatient(t, { requestMs: 500, headersMs: 500 })
  const head = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n'
  t.regex(await trickle(port, `${head}Content-Length: 60000\r\n\r\n`), LATE)
  await until(() => ended.length === 1, 'the end of its handler')
  t.deepEqual(ended, ['the body cannot be read'])
})
