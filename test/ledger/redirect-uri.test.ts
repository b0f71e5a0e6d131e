import test from 'ava'
import { askedRedirectUriProblem, matchesRedirectUri, redirectUriProblem } from '../../shared/ledger/redirect-uri.ts'

const REGISTERED = [
  'https://shop.example',
  'https://shop.example/callback',
  'https://shop.example:8443/callback?tenant=a%20b&x=1',
  'https://xn--bcher-kva.example/cb',
  'https://localhost/cb',
  'http://127.0.0.1/callback',
  'http://127.0.0.1:8080/callback',
  'http://[::1]:9/cb',
  'http://localhost',
  'http://localhost?flow=1',
  'com.example.app:/oauth2redirect',
  'com.example.app://callback/path?x=1',
]

for (const uri of REGISTERED) {
  test(`a code may be sent to ${uri}`, (t) => {
    t.is(redirectUriProblem(uri), null)
  })
}

const REFUSED: [uri: string, problem: RegExp][] = [
  ['', /character/],
  ['/callback', /absolute/],
  ['shop.example/callback', /absolute/],
  ['//shop.example/callback', /absolute/],
  ['https:', /absolute/],
  ['https:shop.example/cb', /absolute URI with a host/],
  ['https:///shop.example/cb', /absolute URI with a host/],
  ['https://', /absolute/],
  ['https://shop.example:99999/cb', /absolute/],
  ['javascript:alert(1)', /scheme of the app with a dot/],
  ['JavaScript:alert(1)', /scheme of the app with a dot/],
  ['java\tscript:alert(1)', /character/],
  ['data:text/html,x', /scheme of the app with a dot/],
  ['vbscript:x', /scheme of the app with a dot/],
  ['file:///etc/passwd', /scheme of the app with a dot/],
  ['blob:https://shop.example/1', /scheme of the app with a dot/],
  ['ftp://shop.example/cb', /scheme of the app with a dot/],
  ['myapp:/callback', /scheme of the app with a dot/],
  ['urn:ietf:wg:oauth:2.0:oob', /scheme of the app with a dot/],
  ['https://shop.example/cb#', /fragment/],
  ['https://shop.example/cb#token', /fragment/],
  ['com.example.app:/cb#x', /fragment/],
  ['https://shop.example@evil.example/cb', /user information/],
  ['https://user:pw@shop.example/cb', /user information/],
  ['https://@shop.example/cb', /user information/],
  ['https://a@b@evil.example/cb', /user information/],
  ['com.example.app://user@host/cb', /user information/],
  ['https://shop.example\\@evil.example/cb', /character/],
  ['https:\\\\shop.example/cb', /character/],
  ['https://shop.example/cb\\', /character/],
  ['http://shop.example/cb', /must use https/],
  ['HTTP://shop.example/cb', /must use https/],
  ['http://localhost.evil.example/cb', /must use https/],
  ['http://127.0.0.1.evil.example/cb', /must use https/],
  ['http://127.0.0.1:1@evil.example/', /user information/],
  ['http://localhost:80:80/cb', /absolute/],
  ['http://127.0.0.1:99999/cb', /absolute/],
  ['http://127.0.0.2/cb', /must use https/],
  ['http://127.1/cb', /must use https/],
  ['http://2130706433/cb', /must use https/],
  ['http://0x7f.0.0.1/cb', /must use https/],
  ['http://0.0.0.0/cb', /must use https/],
  ['http://[::ffff:127.0.0.1]/cb', /must use https/],
  ['http://localhost%2eevil.example/cb', /must use https/],
  ['https://shop.example/cb\r\nSet-Cookie: a=b', /character/],
  ['https://shop.example/cb%0d%0aSet-Cookie:a=b', /character/],
  ['https://shop.example/cb%00', /character/],
  ['https://shop.example/cb%7F', /character/],
  ['https://shop.example/cb%', /character/],
  ['https://shop.example/a b', /character/],
  [' https://shop.example/cb', /character/],
  ['https://shop.example/cb\n', /character/],
  ['https://bücher.example/cb', /character/],
  ['https://shop.example/<script>', /character/],
  ['https://shop.example/"', /character/],
  ['https://*.shop.example/cb', /wildcard/],
  ['https://shop.example/*', /wildcard/],
  ['https://shop.example/cb/../evil', /in its path/],
  ['https://shop.example/./cb', /in its path/],
  ['https://shop.example/cb/%2e%2e/evil', /in its path/],
  ['http://localhost/a/../b', /in its path/],
  [`https://shop.example/${'a'.repeat(2000)}`, /at most 2000/],
]

for (const [uri, problem] of REFUSED) {
  test(`no code is sent to ${JSON.stringify(uri.slice(0, 60))}`, (t) => {
    t.regex(redirectUriProblem(uri) ?? 'it may', problem)
  })
}

const CALLBACK = 'https://shop.example/callback'

const COMPARED: [registered: string, asked: string, same: boolean][] = [
  [CALLBACK, CALLBACK, true],
  [CALLBACK, `${CALLBACK}/`, false],
  [CALLBACK, `${CALLBACK}?x=1`, false],
  [CALLBACK, 'https://shop.example/Callback', false],
  [CALLBACK, 'https://SHOP.example/callback', false],
  [CALLBACK, 'https://shop.example:443/callback', false],
  [CALLBACK, 'https://shop.example:8443/callback', false],
  [CALLBACK, 'https://shop.example/callback/../x', false],
  [CALLBACK, 'https://shop.example/%63allback', false],
  [CALLBACK, 'http://shop.example/callback', false],
  ['https://shop.example', 'https://shop.example/', false],
  ['https://localhost/cb', 'https://localhost:8443/cb', false],
  ['http://127.0.0.1/cb', 'http://127.0.0.1:51004/cb', true],
  ['http://127.0.0.1:8080/cb', 'http://127.0.0.1:51004/cb', true],
  ['http://127.0.0.1:8080/cb', 'http://127.0.0.1/cb', true],
  ['http://[::1]/cb', 'http://[::1]:51004/cb', true],
  ['http://localhost/cb', 'http://localhost:51004/cb', true],
  ['http://localhost', 'http://localhost:51004', true],
  ['http://localhost', 'http://localhost:51004/', false],
  ['http://localhost/cb', 'http://127.0.0.1:51004/cb', false],
  ['http://127.0.0.1/cb', 'http://localhost:51004/cb', false],
  ['http://[::1]/cb', 'http://127.0.0.1:51004/cb', false],
  ['http://127.0.0.1/cb', 'http://127.0.0.1:51004/other', false],
  ['http://127.0.0.1/cb', 'http://127.0.0.1:99999/cb', false],
  ['http://127.0.0.1/cb', 'http://127.0.0.1:/cb', false],
  ['http://127.0.0.1/cb', 'http://127.0.0.1:1@evil.example/cb', false],
  ['http://127.0.0.1/cb', 'https://127.0.0.1:51004/cb', false],
  ['http://localhost/cb', 'http://localhost.evil.example/cb', false],
  ['http://localhost/cb', 'http://localhost:80.evil.example/cb', false],
  ['com.example.app:/cb', 'com.example.app:/cb', true],
  ['com.example.app:/cb', 'com.example.app:/cb/', false],
]

for (const [registered, asked, same] of COMPARED) {
  test(`${asked} ${same ? 'is taken' : 'is not taken'} for ${registered}`, (t) => {
    t.is(matchesRedirectUri(registered, asked), same)
  })
}

test('a redirect URI may be omitted where exactly one is registered', (t) => {
  t.is(askedRedirectUriProblem([CALLBACK], null), null)
  t.regex(askedRedirectUriProblem([CALLBACK, 'https://shop.example/2'], null) ?? '', /is required/)
  t.regex(askedRedirectUriProblem([], null) ?? '', /has none/)
  t.regex(askedRedirectUriProblem([], CALLBACK) ?? '', /has none/)
  t.regex(askedRedirectUriProblem([CALLBACK], 'https://evil.example/') ?? '', /is not registered/)
})

test('a redirect URI that was registered before these rules is used no more', (t) => {
  t.regex(askedRedirectUriProblem(['javascript:alert(1)'], null) ?? '', /must use https/)
  t.regex(askedRedirectUriProblem(['http://shop.example/'], 'http://shop.example/') ?? '', /must use https/)
})
