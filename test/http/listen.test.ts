import { EventEmitter, once } from 'node:events'
import { Agent, get, type IncomingMessage } from 'node:http'
import test from 'ava'
import Koa from 'koa'
import { listen } from '../../shared/http/listen.ts'
import { arrival } from '../support/waiting.ts'

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
