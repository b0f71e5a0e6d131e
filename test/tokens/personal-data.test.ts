import { randomBytes } from 'node:crypto'
import test from 'ava'
import fc from 'fast-check'
import { foldedUsername } from '../../shared/ledger/registry/folded-username.ts'
import { deriveKeys, formatProjectSecrets, parseProjectSecrets, parseSecrets } from '../../shared/tokens/keys.ts'
import {
  generateDataKey,
  openPersonal,
  sealPersonal,
  unwrapKey,
  usernameIndex,
  wrapKey,
} from '../../shared/tokens/personal-data.ts'

const WHOSE = {
  ledger_id: '0198c0de-0000-7000-8000-000000000001',
  sub: '0198c0de-aaaa-7000-8000-000000000001',
  key_id: '0198c0de-bbbb-7000-8000-000000000001',
}
const ADA = { username: 'ada', name: 'Ada Lovelace', email: 'ada@people.example' }
const key = generateDataKey()
const one = randomBytes(32).toString('base64')
const two = randomBytes(32).toString('base64')
const keysFrom = (text: string, ledger_id = WHOSE.ledger_id) => deriveKeys(parseSecrets(text), ledger_id)

test('what is sealed opens under its key, and says nothing of what is in it', (t) => {
  fc.assert(
    fc.property(fc.record({ username: fc.string({ unit: 'grapheme' }), name: fc.option(fc.string()) }), (personal) => {
      const sealed = sealPersonal(key, WHOSE, personal)
      return JSON.stringify(openPersonal(key, WHOSE, sealed)) === JSON.stringify(personal)
    }),
  )
  const sealed = sealPersonal(key, WHOSE, ADA)
  t.deepEqual(Object.keys(sealed), ['key_id', 'iv', 'data', 'tag'])
  t.false(Object.values(sealed).some((text) => /ada/i.test(Buffer.from(text, 'base64url').toString('latin1'))))
})

test('the same data is sealed otherwise each time', (t) => {
  const [first, second] = [sealPersonal(key, WHOSE, ADA), sealPersonal(key, WHOSE, ADA)]
  t.not(first.iv, second.iv)
  t.not(first.data, second.data)
})

test('the form of sealed data never changes: a record of this release opens in every later one', (t) => {
  const fixed = Buffer.from(Array.from({ length: 32 }, (_, i) => i))
  const sealed = SEALED
  t.deepEqual(openPersonal(fixed, WHOSE, { key_id: WHOSE.key_id, ...sealed }), ADA)
})

const SEALED = {
  iv: 'ZbBN1m70prVp13IR',
  data: 'D8tJBqjAah32rPGplH7QvjgwjceNvvaqKim5Bz3IRDRiYxFtxHG9mJMp8iTJOgEXYZ2EuCeQxiJK1rHvjUEb01tYJFyD',
  tag: 'Ru-NypomcUop3pUqT04Ulg',
}

test('sealed data opens for no other person, ledger, key id or key', (t) => {
  const sealed = sealPersonal(key, WHOSE, ADA)
  t.deepEqual(openPersonal(key, WHOSE, sealed), ADA)
  for (const member of ['ledger_id', 'sub', 'key_id'] as const)
    t.is(openPersonal(key, { ...WHOSE, [member]: WHOSE[member].replace('1', '2') }, sealed), null, member)
  t.is(openPersonal(generateDataKey(), WHOSE, sealed), null)
})

test('what is put together from other parts is not taken for the same: each member has its place', (t) => {
  const sealed = sealPersonal(key, { ledger_id: 'a', sub: 'b","key', key_id: 'c' }, ADA)
  for (const whose of [
    { ledger_id: 'a', sub: 'b', key_id: 'key","c' },
    { ledger_id: 'ab","key', sub: '', key_id: 'c' },
  ])
    t.is(openPersonal(key, whose, sealed), null)
})

test('a changed bit anywhere, and a shorter tag or IV, is refused', (t) => {
  const sealed = sealPersonal(key, WHOSE, ADA)
  for (const member of ['iv', 'data', 'tag'] as const) {
    const bytes = Buffer.from(sealed[member], 'base64url')
    for (const at of bytes.keys()) {
      const changed = Buffer.from(bytes)
      changed.writeUInt8(bytes.readUInt8(at) ^ 1, at)
      t.is(openPersonal(key, WHOSE, { ...sealed, [member]: changed.toString('base64url') }), null)
    }
    t.is(openPersonal(key, WHOSE, { ...sealed, [member]: bytes.subarray(0, 4).toString('base64url') }), null)
  }
})

test('a wrapped key unwraps under its kid, for what it was wrapped for, in its ledger, and else not', (t) => {
  const keys = keysFrom(`1:${one}`)
  const name = `person/${WHOSE.sub}/${WHOSE.key_id}`
  const wrapped = wrapKey(keys, WHOSE.ledger_id, { name, key })
  const unwrap = (text: string, over: { name?: string; kid?: number } = {}, ledger_id = WHOSE.ledger_id) =>
    unwrapKey(keysFrom(text, ledger_id), ledger_id, { name, ...wrapped, ...over })
  t.deepEqual(unwrap(`1:${one}`), key)
  t.deepEqual(unwrap(`2:${two},1:${one}`), key)
  t.is(unwrap(`2:${two}`), null)
  t.is(unwrap(`1:${two}`), null)
  t.is(unwrap(`1:${one}`, { name: 'names' }), null)
  t.is(unwrap(`1:${one}`, {}, '0198c0de-0000-7000-8000-000000000002'), null)
  t.false(wrapped.wrapped.includes(key))
})

test('LEDGER_SECRETS_PROJECT unwraps keys of persons, and makes no token and no check', (t) => {
  const keys = keysFrom(`2:${two},1:${one}`)
  const name = 'names'
  const wrapped = wrapKey(keys, WHOSE.ledger_id, { name, key })
  const projects = parseProjectSecrets(formatProjectSecrets(keys))
  t.deepEqual(unwrapKey(projects, WHOSE.ledger_id, { name, ...wrapped }), key)
  t.deepEqual(projects.kids, [2, 1])
  for (const purpose of ['at', 'rt', 'ac', 'pepper', 'cookie', 'idempotency', 'password'] as const)
    t.is(projects.subkey(purpose, 2), undefined)
  t.false(formatProjectSecrets(keys).includes(two))
  for (const text of ['', `1:${one}`, `1:person:${one},1:person:${two}`, `1:person:${one.slice(5)}`, `1:other:${one}`])
    t.throws(() => parseProjectSecrets(text))
})

test('names that differ in letter case, width or spaces around them alone have one index', (t) => {
  const index = (username: string) => usernameIndex(key, username)
  for (const [a, b] of [
    ['Ada', 'aDA'],
    ['Straße', 'STRASSE'],
    ['ΟΔΥΣΣΕΥΣ', 'οδυσσευς'],
    [' ada ', 'ada'],
    ['ａda', 'ada'],
  ] as const)
    t.is(index(a), index(b), `${a} ${b}`)
  t.not(index('ada'), index('adb'))
  t.not(index('ada'), usernameIndex(generateDataKey(), 'ada'))
  t.is(foldedUsername(foldedUsername('ǅŉΣ')), foldedUsername('ǅŉΣ'))
})
