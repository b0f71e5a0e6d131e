import { spawn } from 'node:child_process'
import { once } from 'node:events'
import test from 'ava'
import pino from 'pino'
import { createLifecycle } from '../../shared/process/lifecycle.ts'
import { arrival } from '../support/waiting.ts'

const logger = pino({ level: 'silent' })

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
  return { child, line: () => arrival(once(child.stdout, 'data'), 'a line').then(([data]) => String(data).trim()) }
}

test('a signal closes the parts and ends the process with 0', async (t) => {
  const { child, line } = startProcess('close')
  t.is(await line(), 'ready')
  child.kill('SIGTERM')
  t.is(await line(), 'closing')
  t.deepEqual(await arrival(once(child, 'exit'), 'the end of the process'), [0, null])
})

test('a second signal ends a process that hangs while it stops', async (t) => {
  const { child, line } = startProcess('hang')
  t.is(await line(), 'ready')
  child.kill('SIGINT')
  t.is(await line(), 'closing')
  child.kill('SIGINT')
  t.deepEqual(await arrival(once(child, 'exit'), 'the end of the process'), [1, null])
})
