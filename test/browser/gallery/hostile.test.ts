import test from 'ava'
import { loadSettings } from '../../../shared/config/load-settings.ts'
import { documentOf } from '../../../shared/pages/answer-page.ts'
import { createSite, type Site } from '../../../shared/pages/site.ts'
import { browserTest, openWindow } from '../browser.ts'
import { gallery, type Words } from './gallery.tsx'
import { serveGallery } from './serve-gallery.ts'

/** What would make an element, an attribute or a script of a name that is shown as it stands. */
const PAYLOADS = [
  '<script>window.hurt=1</script>',
  '<img src=x onerror="window.hurt=1">',
  '"><svg onload=window.hurt=1>',
  "'><iframe srcdoc='<script>parent.hurt=1</script>'></iframe>",
  '" autofocus onfocus="window.hurt=1" x="',
  "' onmouseover='window.hurt=1",
  '</title><script>window.hurt=1</script>',
  '</style><style>body{display:none}</style>',
  '</textarea></form><form action="https://evil.example"><button>Log in</button>',
  '--><b>bold</b><!--',
  ']]><b>bold</b>',
  '<meta http-equiv="refresh" content="0;url=https://evil.example">',
  '<base href="https://evil.example/">',
  '&lt;script&gt;window.hurt=1&lt;/script&gt;',
  '&#60;b&#62;bold',
  '\u003cb\u003ebold',
  '<\u0000script>window.hurt=1</script>',
  '{client} {user} {names}',
  'javascript:window.hurt=1',
  '\u202egnidart\u202c',
  '<math><mi//xlink:href="data:x,<script>window.hurt=1</script>">',
  '<noscript><p title="</noscript><img src=x onerror=window.hurt=1>">',
]

/** Between them, these show a payload wherever one can stand. */
const SHOWN = ['consent', 'login-wrong']

const usual = createSite(loadSettings({})).site

/** Whatever others wrote is `payload`: in the props, and in what settings and files of texts say. */
function hostile(payload: string): (site: Site) => ReturnType<typeof gallery> {
  const words: Words = () => payload
  return (site) => {
    const texts = { ...site.texts, login_title: payload, access_since: payload, new_password_hint: payload }
    return gallery({ ...site, texts, title: payload, heading: payload, footer: payload }, words)
  }
}

const plain = hostile('Anna')

/** The tags of a document with the names of their attributes, in their order. */
function skeletonOf(html: string): string[] {
  return [...html.matchAll(/<(\/?[a-z!][^\s>]*)((?:[^>"]|"[^"]*")*)>/gi)].map(
    ([, tag = '', attributes = '']) =>
      `${tag} ${[...attributes.matchAll(/([^\s"=]+)(?:="[^"]*")?/g)].map(([, name]) => name).join(' ')}`,
  )
}

test('whatever a name contains, a page consists of the same elements and attributes', (t) => {
  const expected = plain(usual)
  for (const payload of PAYLOADS)
    for (const [name, page] of Object.entries(hostile(payload)(usual))) {
      const html = documentOf(page)
      t.deepEqual(skeletonOf(html), skeletonOf(documentOf(expected[name] ?? page)), `${name}: ${payload}`)
    }
  t.true(Object.values(hostile('<b>')(usual)).every((page) => documentOf(page).includes('&lt;b>')))
})

browserTest('a browser makes no element of what a name contains, and runs nothing of it', async (t) => {
  const all = { ...plain(usual) }
  const pages = (site: Site) =>
    Object.fromEntries([
      ...Object.entries(all).map(([name, page]) => [`plain-${name}`, page] as const),
      ...PAYLOADS.flatMap((payload, at) =>
        SHOWN.map((name) => [`${at}-${name}`, hostile(payload)(site)[name] ?? all.login!] as const),
      ),
    ])
  const { url, names } = await serveGallery(t, pages)
  const page = await (await openWindow(t)).newPage()
  page.on('dialog', (dialog) => t.fail(dialog.message()))
  const elements = async (name: string) => {
    await page.goto(`${url}/${name}`)
    return page.evaluate(() => [
      ...[...document.querySelectorAll('*')].map(
        ({ tagName, attributes }) => `${tagName} ${[...attributes].map((one) => one.name).join(' ')}`,
      ),
      `hurt: ${String('hurt' in window)}`,
    ])
  }
  for (const name of SHOWN) {
    const expected = await elements(`plain-${name}`)
    for (const one of names.filter((other) => new RegExp(`^\\d+-${name}$`).test(other)))
      t.deepEqual(await elements(one), expected, `${one}: ${PAYLOADS[Number.parseInt(one, 10)]}`)
  }
})
