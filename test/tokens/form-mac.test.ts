import { randomBytes } from 'node:crypto'
import test from 'ava'
import { csrfValue, isCsrfValue, pack, unpack } from '../../shared/tokens/form-mac.ts'
import { deriveKeys } from '../../shared/tokens/keys.ts'

const [old, next] = [1, 2].map((kid) => ({ kid, secret: randomBytes(32) })) as [
  { kid: number; secret: Buffer },
  { kid: number; secret: Buffer },
]
const keys = deriveKeys([old], 'a-ledger')
const value = { client_id: 'web', state: '+/=#"<>&', nested: [1, null] }
const id = randomBytes(32).toString('base64url')

test('what was packed comes back as it was, until its time is over, and is told also then', (t) => {
  const text = pack(keys, 'onward', value, { exp: 1000 })
  t.deepEqual(unpack(keys, 'onward', text, 999), { value, expired: false })
  t.deepEqual(unpack(keys, 'onward', text, 1000), { value, expired: true })
})

test('what is long is packed shorter, comes back as it was, and counts as what was packed before', (t) => {
  const scopes = Array.from({ length: 300 }, (_, at) => `files.folder-${at}.read`)
  const text = pack(keys, 'onward', { ...value, scopes }, { exp: 1000 })
  t.true(text.length < JSON.stringify(scopes).length / 3, String(text.length))
  t.deepEqual(unpack(keys, 'onward', text, 999), { value: { ...value, scopes }, expired: false })
  const changed = text.slice(0, 40) + (text[40] === 'A' ? 'B' : 'A') + text.slice(41)
  t.is(unpack(keys, 'onward', changed, 0), null)
})

test('no character of it can be changed, added or taken away', (t) => {
  const text = pack(keys, 'onward', value, { exp: 1000 })
  for (let at = 0; at < text.length; at++) {
    const other = text[at] === 'A' ? 'B' : 'A'
    for (const changed of [text.slice(0, at) + other + text.slice(at + 1), text.slice(0, at) + text.slice(at + 1)])
      t.is(unpack(keys, 'onward', changed, 0), null, `${at}`)
  }
  for (const changed of [
    '',
    '.',
    '..',
    `${text}=`,
    `${text}.`,
    ` ${text}`,
    text.replaceAll('.', ''),
    'x'.repeat(100_000),
  ])
    t.is(unpack(keys, 'onward', changed, 0), null)
})

test('what was packed for one purpose, ledger or key counts for no other', (t) => {
  const text = pack(keys, 'onward', value, { exp: 1000 })
  t.is(unpack(keys, 'consent', text, 0), null)
  t.is(unpack(deriveKeys([old], 'another-ledger'), 'onward', text, 0), null)
  t.is(unpack(deriveKeys([{ ...old, secret: randomBytes(32) }], 'a-ledger'), 'onward', text, 0), null)
  const [kid, payload, mac] = text.split('.')
  t.false(isCsrfValue(keys, payload ?? '', `${kid}.${mac}`))
})

test('a page that was made before the keys changed still counts, and not once its key is gone', (t) => {
  const text = pack(keys, 'consent', value, { exp: 1000 })
  t.deepEqual(unpack(deriveKeys([next, old], 'a-ledger'), 'consent', text, 0), { value, expired: false })
  t.is(unpack(deriveKeys([next], 'a-ledger'), 'consent', text, 0), null)
  t.true(isCsrfValue(deriveKeys([next, old], 'a-ledger'), id, csrfValue(keys, id)))
})

test('the value beside a cookie belongs to this cookie alone', (t) => {
  const given = csrfValue(keys, id)
  t.true(isCsrfValue(keys, id, given))
  t.false(given.includes(id))
  for (const other of [randomBytes(32).toString('base64url'), '', id.slice(1)]) t.false(isCsrfValue(keys, other, given))
  for (const forged of ['', '1', '1.', `1.${id}`, `2.${given.slice(2)}`, `${given}A`, given.slice(0, -1)])
    t.false(isCsrfValue(keys, id, forged), forged)
})
