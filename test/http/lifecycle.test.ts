import { spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { Agent, get, type IncomingMessage } from 'node:http'
import test from 'ava'
import Koa from 'koa'
import pino from 'pino'
import { listen } from '../../shared/http/listen.ts'
import { createLifecycle } from '../../shared/process/lifecycle.ts'

const logger = pino({ level: 'silent' })

async function answerOf(
  url: string,
  agent: Agent,
): Promise<{ status: number | undefined; connection: string | undefined }> {
  const [response] = (await once(get(url, { agent }), 'response')) as [IncomingMessage]
  response.resume()
  await once(response, 'end')
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
  const waiting = once(gate, 'waiting')
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
  const waiting = once(gate, 'waiting')
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

test('stopping turns readiness off at once and closes in reverse order, once', async (t) => {
  const lifecycle = createLifecycle({ logger, drainMs: 10, hardLimitMs: 10_000 })
  const order: string[] = []
  for (const name of ['database', 'log', 'listener']) lifecycle.onStop(name, async () => order.push(name))
  t.false(lifecycle.stopping())
  const stopped = lifecycle.stop()
  t.true(lifecycle.stopping())
  t.deepEqual(order, [])
  t.true(await stopped)
  t.true(await lifecycle.stop())
  t.deepEqual(order, ['listener', 'log', 'database'])
})

test('a part that fails to close does not keep the others open, and is told', async (t) => {
  const lifecycle = createLifecycle({ logger, drainMs: 0, hardLimitMs: 10_000 })
  let closed = false
  lifecycle.onStop('database', async () => (closed = true))
  lifecycle.onStop('log', () => Promise.reject(new Error('broken')))
  t.false(await lifecycle.stop())
  t.true(closed)
})

test('stopping gives up at the hard limit', async (t) => {
  const lifecycle = createLifecycle({ logger, drainMs: 0, hardLimitMs: 20 })
  lifecycle.onStop('log', () => new Promise(() => {}))
  t.false(await lifecycle.stop())
})

const PROCESS = `
import pino from 'pino'
import { createLifecycle, stopOnSignals } from './shared/process/lifecycle.ts'
const lifecycle = createLifecycle({ logger: pino({ level: 'silent' }), drainMs: 0, hardLimitMs: 60_000 })
lifecycle.onStop('part', () => (console.log('closing'), process.argv[1] === 'hang' ? new Promise(() => {}) : Promise.resolve()))
stopOnSignals(lifecycle, (code) => process.exit(code))
setInterval(() => {}, 1000)
console.log('ready')
`

function startProcess(how: string) {
  const child = spawn(process.execPath, ['--import=tsx', '--input-type=module', '-e', PROCESS, how])
  return { child, line: () => once(child.stdout, 'data').then(([data]) => String(data).trim()) }
}

test('a signal closes the parts and ends the process with 0', async (t) => {
  const { child, line } = startProcess('close')
  t.is(await line(), 'ready')
  child.kill('SIGTERM')
  t.is(await line(), 'closing')
  t.deepEqual(await once(child, 'exit'), [0, null])
})

test('a second signal ends a process that hangs while it stops', async (t) => {
  const { child, line } = startProcess('hang')
  t.is(await line(), 'ready')
  child.kill('SIGINT')
  t.is(await line(), 'closing')
  child.kill('SIGINT')
  t.deepEqual(await once(child, 'exit'), [1, null])
})
