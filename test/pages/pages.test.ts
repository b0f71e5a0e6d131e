import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { loadSettings } from '../../shared/config/load-settings.ts'
import { createHttpApp } from '../../shared/http/app/create-app.ts'
import { readForm } from '../../shared/http/input/form-body.ts'
import { listen } from '../../shared/http/listen.ts'
import { seeOther } from '../../shared/pages/answer-page.ts'
import { assetRoutes } from '../../shared/pages/assets.ts'
import { type CookieName, createCookies } from '../../shared/pages/cookies.ts'
import { createSite } from '../../shared/pages/site.ts'
import { ticked } from '../../shared/pages/ticked.ts'
import { form } from '../http/serve-app.ts'
import { keptLogger } from '../support/kept-logs.ts'

async function serve(t: ExecutionContext, env: Record<string, string> = {}, secure = true) {
  const { site, assets } = createSite(loadSettings(env))
  const logger = keptLogger('pages')
  const { app, router } = createHttpApp({
    for: 'people',
    known: () => null,
    logger,
    requireHttps: false,
    trustedProxies: [],
  })
  const cookies = createCookies({ secure })
  assetRoutes(router, assets)
  router.get('/cookie/:name', (ctx) => {
    ctx.body = { id: cookies.read(ctx, ctx.params['name'] as CookieName) }
  })
  router.post('/renew', (ctx) => {
    ctx.body = { id: cookies.renew(ctx, 'session', 60), browser: cookies.renew(ctx, 'browser') }
  })
  router.post('/clear', (ctx) => {
    cookies.clear(ctx, 'session')
    seeOther(ctx, 'https://client.example/cb?code=secret-code&state=%2B')
  })
  router.post('/ticked', async (ctx) => {
    ctx.body = ticked(await readForm(ctx), 'scope')
  })
  const { url, close } = await listen(app, { host: '127.0.0.1', port: 0 })
  t.teardown(() => close(0))
  return { url, site, assets }
}

test('the stylesheet is kept for ever under a path that names its content', async (t) => {
  const { url, site } = await serve(t)
  const response = await fetch(url + site.stylesheet)
  t.is(response.status, 200)
  t.is(response.headers.get('content-type'), 'text/css; charset=utf-8')
  t.is(response.headers.get('cache-control'), 'public, max-age=31536000, immutable')
  t.is(response.headers.get('pragma'), null)
  t.notRegex(await response.text(), /@import|url\(|expression/i)
  const other = createSite(loadSettings({ LEDGER_PAGES_ACCENT: '#2f6fed' })).site
  t.not(other.stylesheet, site.stylesheet)
})

test('a page of another release still finds a stylesheet here, which nobody keeps', async (t) => {
  const { url } = await serve(t)
  const response = await fetch(`${url}/pages/style.AAAAAAAAAAAAAAAA.css`)
  t.deepEqual([response.status, response.headers.get('cache-control')], [200, 'no-store'])
  for (const path of ['/pages/style.css.map', '/pages/other.AAAAAAAAAAAAAAAA.css', '/pages/', '/pages/..%2fstyle.css'])
    t.is((await fetch(url + path)).status, 404, path)
})

test('an operator’s logo is served by us, and an SVG can neither run nor load anything', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'logo-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const file = join(folder, 'logo.png')
  const svg = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
  await writeFile(file, svg)
  const { url, site } = await serve(t, { LEDGER_PAGES_LOGO: file })
  t.regex(site.logo ?? '', /^\/pages\/logo\.[\w-]{16}\.svg$/)
  const response = await fetch(url + site.logo)
  t.is(response.headers.get('content-type'), 'image/svg+xml')
  t.regex(response.headers.get('content-security-policy') ?? '', /^default-src 'none'; .*; sandbox;/)
  t.is(response.headers.get('x-content-type-options'), 'nosniff')
  t.is(await response.text(), svg)
})

test('what pages load stands below the path of the issuer, where a proxy put us', (t) => {
  const at = (ISSUER: string) => createSite(loadSettings({ LEDGER_ISSUER: ISSUER })).site.stylesheet
  t.regex(at('http://tokens.example/ledger'), /^\/ledger\/pages\/style\./)
  t.regex(at('http://tokens.example'), /^\/pages\/style\./)
})

test('a cookie is for this host alone, out of reach for scripts and forms of others, and holds a new id each time', async (t) => {
  const { url } = await serve(t)
  const response = await fetch(`${url}/renew`, { method: 'POST' })
  const { id, browser } = (await response.json()) as Record<string, string>
  t.deepEqual(response.headers.getSetCookie(), [
    `__Host-ledger-session=${id}; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=60`,
    `__Host-ledger-browser=${browser}; Path=/; HttpOnly; SameSite=Lax; Secure`,
  ])
  t.not(id, browser)
  t.regex(id ?? '', /^[\w-]{43}$/)
})

test('on plain HTTP, in dev mode, the name is plain, and the one is not taken for the other', async (t) => {
  const { url } = await serve(t, {}, false)
  const [cookie] = (await fetch(`${url}/renew`, { method: 'POST' })).headers.getSetCookie()
  t.regex(cookie ?? '', /^ledger-session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=60$/)
})

test('only an id that we could have made is read from a cookie', async (t) => {
  const { url } = await serve(t)
  const id = 'a'.repeat(43)
  const read = async (cookie: string) =>
    ((await (await fetch(`${url}/cookie/session`, { headers: { cookie } })).json()) as { id: string | null }).id
  t.is(await read(`x=y; __Host-ledger-session=${id}; z=1`), id)
  for (const cookie of [
    `ledger-session=${id}`,
    `__Host-ledger-session=${id}a`,
    '__Host-ledger-session=',
    `__Host-ledger-browser=${id}`,
  ])
    t.is(await read(cookie), null, cookie)
})

test('after a POST the browser goes on by GET, and a code stands in no body', async (t) => {
  const { url } = await serve(t)
  const response = await fetch(`${url}/clear`, { method: 'POST', redirect: 'manual' })
  t.is(response.status, 303)
  t.is(response.headers.get('location'), 'https://client.example/cb?code=secret-code&state=%2B')
  t.is(response.headers.get('referrer-policy'), 'no-referrer')
  t.deepEqual(response.headers.getSetCookie(), [
    '__Host-ledger-session=; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=0',
  ])
  t.is(await response.text(), '')
})

test('what was ticked is read box by box, and nothing else of the form', async (t) => {
  const { url } = await serve(t)
  const body = 'scope_0=photos.read&scope_2=profile&scope_x=no&scope=no&my_scope_1=no&decision=approve'
  t.deepEqual(await (await fetch(`${url}/ticked`, form(body))).json(), ['photos.read', 'profile'])
})
