import pino from 'pino'
import { SERVICES } from '../../../services/cli/compose/service-names.ts'
import { PORTS, servicesOn } from '../../../services/cli/compose/services.ts'
import { createHttpApp } from '../../../shared/http/app/create-app.ts'
import { routesOf } from '../../../shared/http/openapi/routes-of.ts'
import { sharedLedger, startLedger, ISSUER } from '../../support/ledger.ts'
import { realTest } from '../../support/real-parts.ts'

const test = realTest('postgres')
const theLedger = sharedLedger()

type Described = { operationId: string; responses: Record<string, unknown>; summary: string; tags: string[] }
type Document = {
  openapi: string
  info: { version: string }
  servers?: { url: string }[]
  paths: Record<string, Record<string, Described>>
}

async function documentOf(url: string): Promise<Document> {
  const answer = await fetch(`${url}/openapi.json`)
  return (await answer.json()) as Document
}

test('every route of every service is described, and nothing else', async (t) => {
  const { runtime } = await theLedger()
  const settings = { ...runtime.settings, dev: true }
  for (const port of PORTS)
    for (const { mount, operations } of servicesOn(port, SERVICES)) {
      const logger = pino({ level: 'silent' })
      const options = { for: 'machines' as const, logger, known: () => null, requireHttps: false, trustedProxies: [] }
      const { router } = createHttpApp(options)
      mount({ ...runtime, settings }, router)
      const mounted = routesOf(router).map(({ method, path }) => `${method} ${path}`)
      const described = Object.keys(operations(settings))
      t.deepEqual(
        mounted.filter((route) => !described.includes(route)),
        [],
        'not described',
      )
      t.deepEqual(
        described.filter((route) => !mounted.includes(route)),
        [],
        'not mounted',
      )
    }
})

test('both ports describe what is there: each operation has a name of its own, a line and a tag', async (t) => {
  const { url, adminUrl } = await theLedger()
  for (const base of [url, adminUrl]) {
    const { openapi, paths } = await documentOf(base)
    t.is(openapi, '3.1.1')
    const operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
    )
    const ids = operations.map(({ operation }) => operation.operationId)
    t.deepEqual(ids, [...new Set(ids)])
    for (const { path, method, operation } of operations) {
      t.true(operation.summary.endsWith('.') || operation.summary.endsWith('?'), path)
      t.is(operation.tags.length, 1, path)
      if (method !== 'get') continue
      const { status } = await fetch(base + path.replaceAll(/\{\w+\}/g, '1'))
      t.true(Object.hasOwn(operation.responses, status), `GET ${path} answers ${status}`)
    }
  }
  t.true(Object.hasOwn((await documentOf(url)).paths, '/oauth2/token'))
  t.true(Object.hasOwn((await documentOf(adminUrl)).paths, '/admin/scopes/{name}'))
})

test('the public port names the issuer as its server, the admin port itself', async (t) => {
  const { url, adminUrl } = await theLedger()
  t.deepEqual((await documentOf(url)).servers, [{ url: ISSUER }])
  t.is((await documentOf(adminUrl)).servers, undefined)
})

test('/docs shows it on both ports, by what this process serves and nothing else', async (t) => {
  const { url, adminUrl } = await theLedger()
  for (const base of [url, adminUrl]) {
    const page = await fetch(`${base}/docs`)
    t.regex(page.headers.get('content-type') ?? '', /^text\/html/)
    const policy = page.headers.get('content-security-policy') ?? ''
    t.true(policy.startsWith("default-src 'none'; script-src 'self';"), policy)
    t.notRegex(policy, /https?:|\*|unsafe-eval/)
    const named = [...(await page.text()).matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link]) => link ?? '')
    t.deepEqual(
      named.filter((link) => !link.startsWith('/')),
      ['data:,'],
    )
    for (const link of named.filter((one) => one.startsWith('/docs/'))) {
      const file = await fetch(base + link)
      t.is(file.status, 200, link)
      t.regex(file.headers.get('content-type') ?? '', link.endsWith('.css') ? /^text\/css/ : /^text\/javascript/)
      t.true((await file.text()).length > 50, link)
    }
    t.is((await fetch(`${base}/docs/package.json`)).status, 404)
    t.is((await fetch(`${base}/docs/..%2fpackage.json`)).status, 404)
  }
})

test('a process describes its own routes only', async (t) => {
  const beside = await theLedger()
  const { url } = await startLedger(t, { beside, services: ['token-check'] })
  const { paths } = await documentOf(url)
  const own = [
    '/',
    '/check',
    '/docs',
    '/docs/{file}',
    '/health/alive',
    '/health/ready',
    '/invoke/pub.oauth/introspectToken',
    '/invoke/pub.oauth:introspectToken',
    '/oauth2/introspect',
    '/openapi.json',
    '/version',
  ]
  t.deepEqual(Object.keys(paths).toSorted(), own)
})

test('the description is revalidated by its ETag, answers HEAD, and holds no secret', async (t) => {
  const { adminUrl, settings } = await theLedger()
  const first = await fetch(`${adminUrl}/openapi.json`)
  t.is(first.headers.get('cache-control'), 'no-cache')
  const etag = first.headers.get('etag') ?? ''
  const headers = { 'if-none-match': etag, 'cache-control': 'max-age=0' }
  const again = await fetch(`${adminUrl}/openapi.json`, { headers })
  t.deepEqual([again.status, await again.text()], [304, ''])
  const head = await fetch(`${adminUrl}/openapi.json`, { method: 'HEAD' })
  const text = await first.text()
  t.deepEqual([head.status, head.headers.get('etag'), await head.text()], [200, etag, ''])
  t.is(head.headers.get('content-length'), String(Buffer.byteLength(text)))
  t.false(text.includes(settings.DATABASE_URL ?? '-') || text.includes(settings.SECRETS_SYSTEM ?? '-'))
})
