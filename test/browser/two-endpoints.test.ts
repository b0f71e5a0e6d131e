// Two processes behind one address: whatever the one began the other goes on with.
import { once } from 'node:events'
import { createServer, request as ask } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ExecutionContext } from 'ava'
import { freePorts } from '../support/commands.ts'
import { startLedger } from '../support/ledger.ts'
import { startProcess } from '../support/ledger-process.ts'
import { browserTest } from './browser.ts'
import { exchanged, heading, logIn, press, visit } from './visiting.ts'

/** One address for several: each request goes to the next one, and past those that do not answer. */
async function startBalancer(t: ExecutionContext, port: number, targets: string[]) {
  const seen: string[] = []
  let next = 0
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => send(targets.length))
    const send = (left: number): void => {
      const target = targets[next++ % targets.length] ?? ''
      const { method, headers } = request
      const forward = ask(`${target}${request.url}`, { method, headers, agent: false }, (answer) => {
        seen.push(`${target} ${method}`)
        response.writeHead(answer.statusCode ?? 502, answer.rawHeaders)
        answer.pipe(response)
      })
      forward.on('error', () => (left > 1 ? send(left - 1) : response.writeHead(502).end()))
      forward.end(Buffer.concat(chunks))
    }
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return { seen, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

browserTest(
  'a login that two processes share in turn arrives, also when one of them is killed in the middle',
  async (t) => {
    const port = await freePorts(2)
    const url = `http://127.0.0.1:${port}`
    const ledger = await startLedger(t, { settings: { ISSUER: url } })
    const settings = { ...ledger.settings, SERVE_PUBLIC_PORT: String(port + 1) }
    const env = Object.fromEntries(Object.entries(settings).map(([name, value]) => [`LEDGER_${name}`, value]))
    const other = await startProcess(t, { services: ['token-endpoint', 'authorize'], env })
    const { seen } = await startBalancer(t, port, [other.url, ledger.url])
    const on = await visit(t, { ...ledger, url })
    const { page } = on
    await page.goto(on.request())
    await logIn(on)
    t.is(await heading(page), 'Allow access?')
    t.deepEqual(
      [other.url, ledger.url].filter((one) => !seen.some((line) => line.startsWith(one))),
      [],
      'both took part',
    )
    await other.kill('SIGKILL')
    await press(page, 'Allow')
    t.is(await heading(page), 'You are back')
    t.is((await exchanged(on)).status, 200)
    // The session outlives the process that made it.
    await page.goto(on.request())
    t.is(await heading(page), 'You are back')
    t.is(on.application.arrived.length, 2)
    t.deepEqual(on.complaints, [])
  },
)
