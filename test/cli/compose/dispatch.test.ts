import { SERVICES } from '../../../services/cli/compose/service-names.ts'
import { servicesOn } from '../../../services/cli/compose/services.ts'
import test, { type ExecutionContext } from 'ava'
import pino from 'pino'
import { dispatch } from '../../../services/cli/compose/dispatch.ts'
import type { Audience } from '../../../shared/http/app/audience.ts'
import { createHttpApp } from '../../../shared/http/app/create-app.ts'
import type { HttpRouter } from '../../../shared/http/context.ts'
import { listen } from '../../../shared/http/listen.ts'

function appFor(audience: Audience, beside?: HttpRouter) {
  const logger = pino({ level: 'silent' })
  const errorPage = audience === 'people' ? () => '<!doctype html>' : undefined
  return createHttpApp({
    for: audience,
    errorPage,
    beside,
    known: () => null,
    logger,
    requireHttps: false,
    trustedProxies: [],
  })
}

/** A port with one route for machines and, if wanted, one for people. */
async function serve(t: ExecutionContext, { pages }: { pages: boolean }): Promise<string> {
  const machines = appFor('machines')
  const apps = { machines, people: appFor('people', machines.router) }
  apps.machines.router.post('/token', (ctx) => {
    ctx.body = { for: 'machines' }
  })
  if (pages)
    apps.people.router.get('/login/:step', (ctx) => {
      ctx.body = `<p>${ctx.params['step']}</p>`
    })
  const listener = await listen(dispatch(apps), { host: '127.0.0.1', port: 0 })
  t.teardown(() => listener.close(0))
  return listener.url
}

const HTML = { headers: { accept: 'text/html' } }

test('machines and people share a port, each with the headers and errors of their own', async (t) => {
  const url = await serve(t, { pages: true })
  const page = await fetch(`${url}/login/name?next=/token`, HTML)
  t.is(await page.text(), '<p>name</p>')
  t.regex(page.headers.get('content-security-policy') ?? '', /style-src 'self'/)
  const token = await fetch(`${url}/token`, { ...HTML, method: 'POST' })
  t.deepEqual(await token.json(), { for: 'machines' })
  t.notRegex(token.headers.get('content-security-policy') ?? '', /style-src/)
})

const PAGE = 'text/html; charset=utf-8'
const JSON_TYPE = 'application/json; charset=utf-8'

test('a wrong method is answered by the app that has the path', async (t) => {
  const url = await serve(t, { pages: true })
  const wrong = await fetch(`${url}/login/name`, { ...HTML, method: 'DELETE' })
  t.deepEqual([wrong.status, wrong.headers.get('content-type')], [405, PAGE])
  t.is(wrong.headers.get('allow'), 'HEAD, GET')
})

test('what no route answers is a page for a browser that opens it, and JSON for whoever else asks', async (t) => {
  const url = await serve(t, { pages: true })
  const asked: [string, string, string, number, string][] = [
    ['GET', '/nothing', 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 404, PAGE],
    ['HEAD', '/nothing', 'text/html', 404, PAGE],
    ['GET', '/token', 'text/html,*/*;q=0.8', 405, PAGE],
    ['GET', '/nothing', '*/*', 404, JSON_TYPE],
    ['GET', '/nothing', 'application/json, text/html;q=0.5', 404, JSON_TYPE],
    ['GET', '/token', '*/*', 405, JSON_TYPE],
    ['POST', '/nothing', 'text/html', 404, JSON_TYPE],
    ['DELETE', '/token', 'text/html', 405, JSON_TYPE],
  ]
  for (const [method, path, accept, status, type] of asked) {
    const response = await fetch(url + path, { method, headers: { accept } })
    const { headers } = response
    t.deepEqual([response.status, headers.get('content-type')], [status, type], `${method} ${path} ${accept}`)
    t.is(headers.get('allow'), status === 405 ? 'POST' : null)
    t.is(/style-src/.test(headers.get('content-security-policy') ?? ''), type === PAGE)
  }
})

test('a port without pages answers machines alone', async (t) => {
  const url = await serve(t, { pages: false })
  t.is((await fetch(`${url}/token`, { method: 'POST' })).status, 200)
  t.is((await fetch(`${url}/login/name`, HTML)).headers.get('content-type'), 'application/json; charset=utf-8')
})

test('every service has a port that tells of its health, also one without routes', (t) => {
  for (const name of SERVICES) {
    const places = (['public', 'admin'] as const).filter((port) => servicesOn(port, [name]).length > 0)
    t.is(places.length, 1, name)
  }
})
