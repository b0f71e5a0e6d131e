import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { ExecutionContext } from 'ava'
import { startLedger } from '../admin/ledger.ts'
import { exchangeOf, queryOf, scene } from '../authorize/authorizing.ts'
import { freePorts } from '../support/commands.ts'
import { seeded } from '../support/kept-logs.ts'
import { browserTest, openWindow } from './browser.ts'

const EXAMPLE = fileURLToPath(new URL('../../examples/login-application/main.ts', import.meta.url))
const PASSWORD = 'a password of the directory'

/** Where codes arrive: an application on another site. */
async function startCallback(t: ExecutionContext) {
  const arrived: URLSearchParams[] = []
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://x')
    if (pathname === '/cb') arrived.push(searchParams)
    response.setHeader('content-type', 'text/html').end('<title>Application</title><h1>You are back</h1>')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => void server.close(() => undefined))
  return { url: `http://localhost:${(server.address() as AddressInfo).port}/cb`, arrived }
}

/** The ledger, the example as it is, and a client that wants a code. */
async function start(t: ExecutionContext) {
  const [port, loginPort] = [String(await freePorts(1)), String(await freePorts(1))]
  const settings = {
    ISSUER: `http://127.0.0.1:${port}`,
    SERVE_PUBLIC_PORT: port,
    LOGIN_URL: `http://127.0.0.1:${loginPort}/`,
  }
  const services = ['token-endpoint', 'authorize', 'projector', 'admin'] as const
  const ledger = await startLedger(t, { services: [...services], settings })
  await ledger.make('/admin/groups/LoginApplications', {})
  await ledger.make('/admin/acls/Logins', { allowed_groups: ['LoginApplications'] })
  await ledger.make('/admin/resources/ledger.admin:login', { execute_acl: 'Logins' })
  await ledger.make('/admin/scopes/logins', { includes: ['ledger.admin:login'] })
  await ledger.make('/admin/users/ada-4f2c', { username: 'ada' })
  const client = { client_name: 'login', grant_types: ['client_credentials'], groups: ['LoginApplications'] }
  const { client_id, client_secret } = await ledger.register({ ...client, scope: 'logins' })
  seeded(PASSWORD)
  const example = spawn(process.execPath, ['--import', 'tsx', EXAMPLE], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env,
      ...{ PORT: loginPort, LEDGER_URL: ledger.url, LEDGER_ADMIN_URL: ledger.adminUrl },
      ...{ LEDGER_CLIENT_ID: client_id, LEDGER_CLIENT_SECRET: client_secret },
      PEOPLE: JSON.stringify({ ada: { password: PASSWORD, sub: 'ada-4f2c' } }),
    },
  })
  t.teardown(() => void example.kill())
  await once(example.stdout, 'data')
  const callback = await startCallback(t)
  const on = await scene(ledger, { redirect_uris: [callback.url] })
  const page = await (await openWindow(t)).newPage()
  const address = `${ledger.url}/oauth2/auth?${queryOf(on, { redirect_uri: callback.url })}`
  return { ledger, on, page, callback, address }
}

browserTest(
  'a person logs in with the example of a login application, and what it may mistype or cancel',
  async (t) => {
    const { ledger, on, page, callback, address } = await start(t)
    await page.goto(address)
    t.regex(await page.getByRole('heading').innerText(), /^Sign in to /)
    const begun = page.url()
    await page.getByLabel('Name').fill('ada')
    await page.getByLabel('Password').fill('wrong')
    await page.getByRole('button', { name: 'Sign in' }).click()
    t.is(await page.getByRole('alert').innerText(), 'The name or the password is not right.')
    await page.getByLabel('Name').fill('ada')
    await page.getByLabel('Password').fill(PASSWORD)
    await page.getByRole('button', { name: 'Sign in' }).click()
    t.is(await page.getByRole('heading', { level: 1 }).innerText(), 'Allow access?')
    const session = (await page.context().cookies()).find(({ name }) => name.endsWith('ledger-session'))
    t.is(session?.expires, -1, 'who did not tick "Stay logged in" is forgotten when the browser is closed')
    await page.getByRole('button', { name: 'Allow' }).click()
    await page.getByText('You are back').waitFor()
    const { status } = await exchangeOf(on, callback.arrived.at(-1)?.get('code') ?? null, callback.url)
    t.is(status, 200)
    t.like((await ledger.events()).find(({ type }) => type === 'AuthorizationGranted')?.data, {
      principal: { type: 'user', id: 'ada-4f2c' },
    })

    // Back to the page that was answered: the login begins again, and the person is logged in and allowed it before.
    await page.goto(begun)
    await page.getByText('You are back').waitFor()
    t.is(callback.arrived.length, 2)
    t.true(callback.arrived.at(-1)?.has('code'))

    await page.context().clearCookies()
    await page.goto(address)
    await page.getByRole('button', { name: 'Cancel' }).click()
    await page.getByText('You are back').waitFor()
    t.is(callback.arrived.at(-1)?.get('error'), 'access_denied')
  },
)
