// What "npm start" says to do in a browser, and on the command line.
import { spawn } from 'node:child_process'
import { commandLine } from '../support/command-line.ts'
import { endWithUs } from '../support/commands.ts'
import { seeded } from '../support/kept-logs.ts'
import { cleanEnv, ROOT, startProcess } from '../support/ledger-process.ts'
import { devSettings } from '../support/tour-lines.ts'
import { arrival, until } from '../support/waiting.ts'
import { accessibilityProblems, browserTest, overflowing, screenshot } from './browser.ts'
import { heading, openPage, press } from './visiting.ts'

const STEP = /open (http:\S+) in a browser, log in as alice with the password (\w+),/

browserTest('dev mode leads a person through a login: the tokens arrive, and the log tells of them', async (t) => {
  const env = await devSettings(t)
  const server = await startProcess(t, { services: ['all'], env })
  await until(() => STEP.test(server.printed()), 'the step for a browser')
  const [, url = '', password = ''] = STEP.exec(server.printed()) ?? []
  seeded(password)
  const { out } = await commandLine(env, 'demo')
  t.deepEqual(STEP.exec(out)?.slice(1), [url, password], '"demo" tells the same')
  const { page, complaints } = await openPage(t)
  await page.goto(url)
  t.true((await page.locator('main').innerText()).includes(password))
  await inOrder('demo-start')
  await page.getByRole('link', { name: 'Log in with token-ledger' }).click()
  await page.getByLabel('User name').fill('alice')
  await page.getByLabel('Password').fill(password)
  await press(page, 'Log in')
  t.is(await heading(page), 'Allow access?')
  t.true((await page.locator('main').innerText()).includes('Demo shop asks for access on your behalf.'))
  await press(page, 'Allow')
  t.is(await heading(page), 'The tokens arrived')
  await inOrder('demo-tokens')
  const shown = await page.locator('main').innerText()
  t.regex(shown, /tl_at_[\w-]+/)
  t.regex(shown, /orders:list\s+allowed: /)
  t.regex(shown, /orders\.internal:approve\s+refused: .*ACL OrderManagers/)
  const [, grant_id = ''] = /audit show --grant (\S+)/.exec(shown) ?? []
  const life = await commandLine(env, 'audit', 'show', '--grant', grant_id)
  t.regex(life.out, /client +demo-shop \(Demo shop 1\)\n +principal +user demo-alice \(alice, /)

  // The command line, and the same browser, which is logged in.
  const words = ['perform', 'authorization-code', '--client-id', 'demo-shop', '--no-open', '--format', 'json']
  const child = spawn(process.execPath, ['--import', 'tsx', 'services/cli/main.ts', ...words], {
    cwd: ROOT,
    env: cleanEnv(env),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  endWithUs(child)
  t.teardown(() => child.kill('SIGKILL'))
  const told = { out: '', err: '' }
  child.stdout.on('data', (chunk: Buffer) => (told.out += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (told.err += chunk.toString()))
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  await until(() => /^http.*\n/m.test(told.err), 'an address')
  await page.goto(/^http.*$/m.exec(told.err)?.[0] ?? '')
  await press(page, 'Allow')
  t.regex(await page.locator('main').innerText(), /You may close this page: the tokens are in the terminal/)
  t.deepEqual(await accessibilityProblems(page), [])
  t.is(await arrival(ended, 'its end'), 0)
  t.like(JSON.parse(told.out), { token_type: 'bearer', scope: 'orders.read orders.approve' })
  await page.goto(`${url}callback?state=x&code=y`)
  t.is(await heading(page), 'No tokens arrived')
  t.deepEqual(
    complaints.filter((text) => !text.includes('404') && !text.includes('400')),
    [],
  )

  async function inOrder(name: string): Promise<void> {
    for (const colorScheme of ['light', 'dark'] as const)
      for (const width of [320, 1280]) {
        await page.emulateMedia({ colorScheme })
        await page.setViewportSize({ width, height: 800 })
        t.deepEqual(await overflowing(page), [], `${name} ${width}`)
        t.deepEqual(await accessibilityProblems(page), [], `${name} ${colorScheme}`)
        await screenshot(page, `${name}-${colorScheme}-${width}`)
      }
  }
})
