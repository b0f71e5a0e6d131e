import test from 'ava'
import { contrast, EDGE_CONTRAST, GROUNDS, readAccent, TEXT_CONTRAST, textOn } from '../../shared/appearance/colours.ts'
import { ENGLISH } from '../../shared/appearance/english.ts'
import { readPicture } from '../../shared/appearance/logo.ts'
import { readTexts } from '../../shared/appearance/texts.ts'
import { loadSettings } from '../../shared/config/load-settings.ts'
import { stylesheet } from '../../shared/pages/stylesheet.ts'

test('texts of another language take the place of ours, and what is missing stays English', (t) => {
  const texts = readTexts(
    '{"language": "de", "login_title": "Anmelden", "consent_asks": "Für Sie möchte {client} zugreifen."}',
  )
  t.is(texts.login_title, 'Anmelden')
  t.is(texts.password, ENGLISH.password)
})

test('a file of texts is refused for each thing that is wrong with it', (t) => {
  const wrong: [string, RegExp][] = [
    ['{"login_titel": "Anmelden"}', /^there is no text "login_titel"$/],
    ['{"constructor": "x"}', /there is no text/],
    ['{"login_title": 1}', /^login_title is not a text$/],
    ['{"login_title": " "}', /^login_title is not a text$/],
    ['{"consent_asks": "Jemand möchte zugreifen."}', /^consent_asks lacks \{client\}$/],
    ['{"consent_asks": "{client} {kunde}"}', /^consent_asks has no \{kunde\}$/],
    ['{"login_title": "Bei {title} anmelden"}', /^login_title has no \{title\}$/],
    ['{"language": "auf Deutsch"}', /^language is not a language tag/],
    ['{"direction": "left"}', /^direction is neither/],
    [`{"login_title": "${'x'.repeat(501)}"}`, /longer than 500/],
    ['{', /not JSON$/],
    ['[]', /not a JSON object$/],
    ['{"a": "b", "login_title": 2}', /^there is no text "a"; login_title is not a text$/],
  ]
  for (const [json, message] of wrong) t.throws(() => readTexts(json), { message }, json)
})

test('an accent that cannot be seen on a background is refused with what it lacks', (t) => {
  t.is(readAccent('#3866D6', 'light'), '#3866d6')
  t.throws(() => readAccent('#ffcc00', 'light'), {
    message: /contrast of 1\.4:1 on the light .* 3:1: take a darker one$/,
  })
  t.throws(() => readAccent('#102040', 'dark'), { message: /on the dark background, .* take a lighter one$/ })
  for (const form of ['blue', '#fff', '#12345g', '#3866d6;', 'rgb(1,2,3)'])
    t.throws(() => readAccent(form, 'light'), { message: 'must be a colour in the form #1a2b3c' })
})

test('the contrast of two colours is that of WCAG, and one of black and white is read on each', (t) => {
  t.is(contrast('#000000', '#ffffff'), 21)
  t.is(Number(contrast('#777777', '#ffffff').toFixed(2)), 4.48)
  for (let grey = 0; grey < 256; grey++) {
    const colour = `#${grey.toString(16).padStart(2, '0').repeat(3)}`
    t.true(contrast(colour, textOn(colour)) >= TEXT_CONTRAST, colour)
  }
})

test('every colour of the stylesheet can be read where it stands, light and dark', (t) => {
  const { PAGES_ACCENT: accent } = loadSettings({})
  const sets = [...stylesheet({ light: accent, dark: accent }).matchAll(/:root \{([^}]*)\}/g)].map(([, body = '']) =>
    Object.fromEntries<string>(
      [...body.matchAll(/--([\w-]+): (#[\da-f]{6});/g)].map(([, name = '', colour = '']): [string, string] => [
        name,
        colour,
      ]),
    ),
  )
  t.is(sets.length, 2)
  for (const set of sets) {
    const of = (name: string) => set[name] ?? t.fail(name) ?? ''
    const least = (name: string, grounds: string[]) => Math.min(...grounds.map((one) => contrast(of(name), of(one))))
    for (const text of ['text', 'quiet']) t.true(least(text, ['page', 'card']) >= TEXT_CONTRAST, text)
    for (const text of ['bad', 'good']) t.true(least(text, ['card', `${text}-ground`]) >= TEXT_CONTRAST, text)
    for (const edge of ['edge', 'accent']) t.true(least(edge, ['page', 'card']) >= EDGE_CONTRAST, edge)
    t.true(least('on-accent', ['accent']) >= TEXT_CONTRAST)
  }
  t.deepEqual([sets[0]?.['page'], sets[1]?.['card']], [GROUNDS.light.page, GROUNDS.dark.card])
})

test('a logo is known by what it is, not by its name', (t) => {
  const typeOf = (bytes: Buffer | string) => readPicture(Buffer.from(bytes as string)).type
  t.is(typeOf(Buffer.from('89504e470d0a1a0a00', 'hex')), 'image/png')
  t.is(typeOf('RIFF1234WEBPVP8 '), 'image/webp')
  for (const svg of [
    '<svg xmlns="x"/>',
    '<?xml version="1.0"?>\n<!-- x -->\n<svg>',
    '\ufeff<svg>',
    '<!DOCTYPE svg PUBLIC "a" "b">\n<svg>',
  ])
    t.is(typeOf(svg), 'image/svg+xml', svg)
  for (const other of ['', 'GIF89a', '<html><svg></svg></html>', '<!doctype html><svg>', 'text', '<svgx>'])
    t.throws(() => typeOf(other), { message: 'is no PNG, WebP or SVG' }, other)
  t.throws(() => typeOf(`<svg>${'x'.repeat(600_000)}`), { message: 'is larger than 512 KiB' })
})
