import { randomBytes } from 'node:crypto'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ExecutionContext } from 'ava'
import type { Page } from 'playwright-core'
import { freePorts } from '../support/commands.ts'
import { seeded } from '../support/kept-logs.ts'
import { startLedger } from '../support/ledger.ts'
import { browserTest } from './browser.ts'
import { exchanged, heading, press, visit } from './visiting.ts'

const EXAMPLE = fileURLToPath(new URL('../../examples/openid-provider/main.ts', import.meta.url))

/** The example as it is, and a ledger that people log in to with it. */
async function start(t: ExecutionContext) {
  const [port, providerPort] = [String(await freePorts(1)), String(await freePorts(1))]
  const issuer = `http://127.0.0.1:${port}`
  const client_secret = randomBytes(32).toString('hex')
  seeded(client_secret)
  const example = spawn(process.execPath, ['--import', 'tsx', EXAMPLE], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, PORT: providerPort, LEDGER_URL: issuer, CLIENT_SECRET: client_secret },
  })
  t.teardown(() => void example.kill())
  await once(example.stdout, 'data')
  const folder = await mkdtemp(join(tmpdir(), 'providers-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const written = { issuer: `http://127.0.0.1:${providerPort}`, client_id: 'token-ledger', client_secret }
  const file = join(folder, 'providers.json')
  await writeFile(file, JSON.stringify({ example: { ...written, label: 'Example', creates_people: true } }))
  const settings = { ISSUER: issuer, SERVE_PUBLIC_PORT: port, UPSTREAM_PROVIDERS: file }
  const visited = await visit(t, await startLedger(t, { settings }))
  // Its pages want a font from elsewhere.
  await visited.page.route(/googleapis/, (route) => route.abort())
  return visited
}

/** Logs in at the example, and lets the ledger know it. */
async function logInThere(page: Page, name: string) {
  await page.getByPlaceholder('Enter any login').fill(name)
  await page.getByPlaceholder('and password').fill('whatever it takes')
  await press(page, 'Sign-in')
  await press(page, 'Continue')
}

browserTest(
  'a person logs in with the example of an OpenID provider, says no there, and logs out of both',
  async (t) => {
    const visited = await start(t)
    const { page, request, application, ledger } = visited
    await page.goto(request())
    await press(page, 'Log in with Example')
    await page.getByText('[ Cancel ]').click()
    t.is(await page.getByRole('alert').innerText(), 'You did not log in there. Try again, or take another way.')
    await press(page, 'Log in with Example')
    await logInThere(page, 'ada')
    t.is(await heading(page), 'Allow access?')
    t.true(await page.getByText('You are logged in as ada.').isVisible())
    await press(page, 'Allow')
    await page.getByText('You are back').waitFor()
    t.is(application.arrived.at(-1)?.['state'], 'a state+/=')
    t.is((await exchanged(visited)).status, 200)

    await page.goto(`${ledger.url}/account/logout`)
    await press(page, 'Log out')
    // The example asks before it ends its own session, and sends back.
    await page.getByRole('button', { name: 'Yes, sign me out' }).click()
    t.is(await heading(page), 'You are logged out')
    await page.goto(request())
    await press(page, 'Log in with Example')
    t.true(await page.getByPlaceholder('Enter any login').isVisible(), 'the session there is over, too')
  },
)
