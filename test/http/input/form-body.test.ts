import test from 'ava'
import fc from 'fast-check'
import { parseForm, required } from '../../../shared/http/input/form-body.ts'
import { parseJson } from '../../../shared/http/input/json-body.ts'
import { OAuthError } from '../../../shared/http/oauth-error.ts'
import { refuseSecretsInQuery } from '../../../shared/http/input/query.ts'
import { z } from 'zod'

const refusal = (message: RegExp) => ({ instanceOf: OAuthError, message })

test('parameters are decoded: plus is a space, percent-encoding is UTF-8', (t) => {
  t.deepEqual(
    { ...parseForm('scope=a+b%20c&client_id=%C3%A9%3A&x=1=2') },
    { scope: 'a b c', client_id: 'é:', x: '1=2' },
  )
})

test('a parameter without a value counts as omitted', (t) => {
  t.deepEqual({ ...parseForm('scope=&refresh_token&&a=1&') }, { a: '1' })
  t.deepEqual({ ...parseForm('') }, {})
})

test('a repeated parameter is refused by its name, also when a value is empty or the name is encoded', (t) => {
  for (const text of ['scope=a&scope=b', 'scope=a&scope=', 'scope=&scope=a', 'scope=a&x=1&sc%6Fpe=a', 'scope&scope'])
    t.throws(() => parseForm(text), refusal(/^repeated parameter: scope$/))
})

test('a nested parameter is refused by its name', (t) => {
  t.throws(() => parseForm('x[y]=1'), refusal(/^nested parameter: x\[y\]$/))
  t.throws(() => parseForm('a=1&x%5B%5D=1'), refusal(/^nested parameter: x\[\]$/))
})

test('broken percent-encoding and NUL characters are refused', (t) => {
  for (const text of ['a=%', 'a=%zz', '%=1', 'a=%ff', 'a=%C3', 'a=%ED%A0%80'])
    t.throws(() => parseForm(text), refusal(/^malformed percent-encoding$/))
  t.throws(() => parseForm('a=x%00'), refusal(/^parameter with a NUL character: a$/))
})

test('names of Object.prototype are parameters like others', (t) => {
  const form = parseForm('__proto__=1&constructor=2')
  t.deepEqual(Object.entries(form), [
    ['__proto__', '1'],
    ['constructor', '2'],
  ])
  t.false('toString' in parseForm('a=1'))
  t.true(Object.isFrozen(form))
})

test('any text gives strings or an OAuthError, never anything else', (t) => {
  const pieces = fc.constantFrom(
    '&',
    '=',
    '%',
    '+',
    '[',
    ']',
    '.',
    '%00',
    '%5B',
    '__proto__',
    'a',
    'scope',
    '\u0000',
    'é',
    '%F0%9F',
  )
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(pieces).map((parts) => parts.join('')),
  )
  const bytes = fc.uint8Array().map((array) => Buffer.from(array).toString('utf8'))
  fc.assert(
    fc.property(fc.oneof(text, bytes), (body) => {
      try {
        const form = parseForm(body)
        return Object.values(form).every((value) => typeof value === 'string' && value !== '' && !value.includes('\0'))
      } catch (error) {
        return error instanceof OAuthError && error.error === 'invalid_request' && error.status === 400
      }
    }),
    { numRuns: 2000 },
  )
  t.pass()
})

test('any well-formed parameters come back as they were sent', (t) => {
  const name = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => !/[[\]]/.test(text))
  const value = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => !text.includes('\0'))
  fc.assert(
    fc.property(fc.uniqueArray(fc.tuple(name, value), { selector: ([key]) => key }), (pairs) => {
      const form = parseForm(new URLSearchParams(pairs).toString())
      return pairs.length === Object.keys(form).length && pairs.every(([key, sent]) => form[key] === sent)
    }),
  )
  t.pass()
})

test('a required parameter that is missing is named', (t) => {
  t.is(required(parseForm('a=1'), 'a'), '1')
  t.throws(() => required(parseForm('a='), 'a'), refusal(/^missing parameter: a$/))
})

test('a secret or token in the query is refused, whatever its value; other parameters there are ignored', (t) => {
  for (const query of ['client_secret=x', 'a=1&refresh_token', 'client%5Fsecret=', 'password=%zz', 'access_token=x'])
    t.throws(() => refuseSecretsInQuery(query), refusal(/must not be in the query$/))
  t.notThrows(() => refuseSecretsInQuery('grant_type=refresh_token&foo=bar'))
})

test('JSON out of shape is refused with each path', (t) => {
  const schema = z.object({ resource: z.string(), items: z.array(z.number()) })
  t.deepEqual(parseJson('{"resource":"a","items":[1]}', schema), { resource: 'a', items: [1] })
  const error = t.throws(() => parseJson('{"items":[1,"x"]}', schema), refusal(/resource: .*; items\.1: /))
  t.is(error.error, 'invalid_request')
  for (const text of ['', '{', 'null', '[]', '"x"']) t.throws(() => parseJson(text, schema), { instanceOf: OAuthError })
  const metadata = t.throws<OAuthError>(() => parseJson('{}', schema, 'invalid_client_metadata'))
  t.is(metadata.error, 'invalid_client_metadata')
})

test('JSON text that PostgreSQL cannot store is refused wherever it stands', (t) => {
  const texts = ['"\\u0000"', '{"a":["\\ud800"]}', '{"\\udc00":1}']
  for (const text of texts) t.throws(() => parseJson(text, z.unknown()), refusal(/^text with U\+0000/))
  t.is(parseJson('"\\ud83d\\ude00"', z.string()), '😀')
})

test('JSON that is nested as deep as a body can be is refused like other JSON out of shape', (t) => {
  const shape = z.strictObject({ a: z.string() })
  for (const text of [`${'['.repeat(32_000)}${']'.repeat(32_000)}`, `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`])
    t.throws(() => parseJson(text, shape), refusal(/expected/))
  t.throws(() => parseJson(`${'['.repeat(30_000)}"\\u0000"${']'.repeat(30_000)}`, shape), refusal(/^text with U\+0000/))
})
