import { SERVICES } from '../../../services/cli/compose/service-names.ts'
import { servicesOn } from '../../../services/cli/compose/services.ts'
import test, { type ExecutionContext } from 'ava'
import pino from 'pino'
import { dispatch } from '../../../services/cli/compose/dispatch.ts'
import type { Audience } from '../../../shared/http/app/audience.ts'
import { createHttpApp } from '../../../shared/http/app/create-app.ts'
import { listen } from '../../../shared/http/listen.ts'

function appFor(audience: Audience) {
  const logger = pino({ level: 'silent' })
  const errorPage = audience === 'people' ? () => '<!doctype html>' : undefined
  return createHttpApp({ for: audience, errorPage, known: () => null, logger, requireHttps: false, trustedProxies: [] })
}

/** A port with one route for machines and, if wanted, one for people. */
async function serve(t: ExecutionContext, { pages }: { pages: boolean }): Promise<string> {
  const apps = { machines: appFor('machines'), people: appFor('people') }
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

test('a wrong method is answered by the app that has the path, an unknown path by that of the machines', async (t) => {
  const url = await serve(t, { pages: true })
  const wrong = await fetch(`${url}/login/name`, { ...HTML, method: 'DELETE' })
  t.deepEqual([wrong.status, wrong.headers.get('content-type')], [405, 'text/html; charset=utf-8'])
  t.is(wrong.headers.get('allow'), 'HEAD, GET')
  const unknown = await fetch(`${url}/nothing`, HTML)
  t.deepEqual([unknown.status, unknown.headers.get('content-type')], [404, 'application/json; charset=utf-8'])
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
