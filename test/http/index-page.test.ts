import test from 'ava'
import pino from 'pino'
import { createHttpApp } from '../../shared/http/app/create-app.ts'
import { indexRoute } from '../../shared/http/index-page.ts'
import { listen } from '../../shared/http/listen.ts'

test('the root says what this is: JSON to programs, a page to browsers', async (t) => {
  const logger = pino({ level: 'silent' })
  const { app, router } = createHttpApp({
    for: 'machines',
    logger,
    known: () => null,
    requireHttps: false,
    trustedProxies: [],
  })
  const documentation = 'https://docs.example/tokens?a=1&b=2'
  indexRoute(router, { issuer: 'https://login.example/tenant', version: '1.2.3', documentation })
  const { url, close } = await listen(app, { host: '127.0.0.1', port: 0 })
  t.teardown(() => close(0))
  const metadata = 'https://login.example/.well-known/oauth-authorization-server/tenant'
  const json = await fetch(`${url}/`)
  t.like(await json.json(), {
    name: 'token-ledger',
    version: '1.2.3',
    links: { metadata, documentation, ready: '/health/ready' },
  })
  const page = await fetch(`${url}/`, { headers: { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' } })
  t.regex(page.headers.get('content-type') ?? '', /^text\/html/)
  const html = await page.text()
  t.true(html.includes('href="https://docs.example/tokens?a=1&amp;b=2"'), html)
  t.true(html.includes(`<a href="${metadata}">`) && html.includes('token-ledger 1.2.3'), html)
})
