// Direct TLS, on processes like in production.
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { Agent, get } from 'node:https'
import type { IncomingMessage } from 'node:http'
import { connect as connectPlain } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type SecureVersion, type TLSSocket } from 'node:tls'
import ava, { type ExecutionContext } from 'ava'
import Koa from 'koa'
import { readTlsFiles } from '../../shared/config/tls-files.ts'
import { listen } from '../../shared/http/listen.ts'
import { makeCa, makeCertificate } from '../support/certificates.ts'
import { hasProgram, run } from '../support/commands.ts'
import { type LedgerProcess, startProcess, tokenLedger } from '../support/ledger-process.ts'
import { startLedger, type TestLedger } from '../support/ledger.ts'
import { realTest } from '../support/real-parts.ts'
import { inTime } from '../support/in-time.ts'
import { sendRaw } from '../support/raw-requests.ts'
import { arrival, until } from '../support/waiting.ts'

const hasOpenssl = hasProgram('openssl') || process.env['CI'] === 'true'
const test: (title: string, body: (t: ExecutionContext) => Promise<void>) => void = hasOpenssl
  ? realTest('postgres')
  : ava.skip
const pure = hasOpenssl ? ava : ava.skip

/** A folder with a CA and what it signed: cert.pem and cert.key, as an operator has them, are the first of these. */
async function certificates(t: ExecutionContext, ...names: string[]) {
  const folder = await mkdtemp(join(tmpdir(), 'tls-'))
  t.teardown(() => rm(folder, { recursive: true }))
  await makeCa(folder)
  for (const name of names) await makeCertificate(folder, name)
  const file = (name: string) => join(folder, name)
  /** Has the operator's files be those. */
  const install = async (cert: string, key = cert) => {
    await copyFile(file(`${cert}.pem`), file('cert.pem'))
    await copyFile(file(`${key}.key`), file('cert.key'))
  }
  await install(names[0] ?? '')
  const env = { LEDGER_TLS_CERTIFICATE: file('cert.pem'), LEDGER_TLS_KEY: file('cert.key') }
  return { file, install, env }
}

const envOf = ({ settings }: TestLedger) =>
  Object.fromEntries(Object.entries(settings).map(([name, value]) => [`LEDGER_${name}`, value ?? '']))

const portOf = (url: string) => Number(new URL(url).port)

/** The name on the certificate that a new connection is shown; rejects when there is none. */
async function shownBy({ url }: LedgerProcess, version?: SecureVersion): Promise<string> {
  const versions = version && { minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' }
  const socket = connect({ port: portOf(url), host: '127.0.0.1', rejectUnauthorized: false, ...versions })
  await arrival(once(socket, 'secureConnect'), 'a TLS connection')
  const { subject } = socket.getPeerCertificate()
  socket.destroy()
  return String(subject.CN)
}

/** One request; on which connection it went, and what that is shown. */
async function ask(url: string, agent: Agent) {
  const [response] = (await arrival(once(get(`${url}/health/alive`, { agent }), 'response'), 'an answer')) as [
    IncomingMessage,
  ]
  const socket = response.socket as TLSSocket
  response.resume()
  await arrival(once(response, 'end'), 'the end of the answer')
  return { status: response.statusCode, socket, name: String(socket.getPeerCertificate().subject.CN) }
}

const alarms = ({ logs }: LedgerProcess) => logs.filter(({ alarm }) => alarm === 'certificate_not_renewed')
const renewals = ({ logs }: LedgerProcess) => logs.filter(({ msg }) => msg === 'certificate read again')

test('a process with a certificate speaks TLS 1.2 and 1.3 on every port that is not on loopback, to curl and to the command line', async (t) => {
  const { file, env } = await certificates(t, 'first')
  const ledger = await startLedger(t)
  const secure = { ...env, LEDGER_REQUIRE_HTTPS: 'true', LEDGER_SERVE_ADMIN_HOST: '0.0.0.0' }
  const child = await startProcess(t, { services: ['token-endpoint', 'admin'], env: { ...envOf(ledger), ...secure } })
  t.regex(child.url, /^https:\/\/127\.0\.0\.1:\d+$/)
  t.regex(child.adminUrl, /^https:\/\/0\.0\.0\.0:\d+$/)
  const adminUrl = child.adminUrl.replace('0.0.0.0', '127.0.0.1')

  const app = await ledger.client({ groups: ['Administrators'], scope: 'ledger.admin' })
  const curl = (...args: string[]) => run({ file: 'curl', args: ['-sS', '--cacert', file('ca.pem'), ...args] })
  const credentials = ['-u', `${app.client_id}:${app.client_secret}`]
  const answer = await curl(...credentials, '-d', 'grant_type=client_credentials', `${child.url}/oauth2/token`)
  t.regex(answer, /"access_token":"tl_at_/)
  for (const url of [child.url, adminUrl]) t.is(await curl(`${url}/health/alive`), '{"status":"ok"}')
  t.regex(await curl('-i', `${child.url}/`), /strict-transport-security: max-age=31536000/i)

  const access = {
    LEDGER_URL: child.url,
    LEDGER_ADMIN_URL: adminUrl,
    LEDGER_CLIENT_ID: app.client_id,
    LEDGER_CLIENT_SECRET: app.client_secret ?? '',
    LEDGER_ISSUER: '',
    XDG_CACHE_HOME: file('cache'),
  }
  const list = (more: Record<string, string>) =>
    tokenLedger({ ...access, ...more }, 'clients', 'list', '--format', 'json')
  const listed = await list({ NODE_EXTRA_CA_CERTS: file('ca.pem') })
  t.true(listed.includes(app.client_id), listed)
  await t.throwsAsync(list({}), { message: /ended with 3: LEDGER_(ADMIN_)?URL: .* does not answer: [^\n]*certificate/ })

  t.is(await shownBy(child, 'TLSv1.2'), 'first')
  t.is(await shownBy(child, 'TLSv1.3'), 'first')
  for (const version of ['TLSv1', 'TLSv1.1'] as const)
    await t.throwsAsync(shownBy(child, version), { code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION' }, version)
  t.is(await sendRaw(portOf(child.url), 'GET /health/alive HTTP/1.1\r\nHost: a\r\n\r\n'), '', 'plain HTTP gets nothing')
})

test('SIGHUP shows the new certificate to new connections while those of before go on; what is wrong with it is an alarm', async (t) => {
  const { file, install, env } = await certificates(t, 'first', 'second', 'third')
  const ledger = await startLedger(t)
  const child = await startProcess(t, { services: ['token-endpoint'], env: { ...envOf(ledger), ...env } })
  const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: [], rejectUnauthorized: false })
  t.teardown(() => agent.destroy())
  const before = await ask(child.url, agent)
  t.deepEqual([before.status, before.name], [200, 'first'])

  await install('second')
  t.is(await shownBy(child), 'first', 'until it is told')
  child.signal('SIGHUP')
  await until(async () => (await shownBy(child)) === 'second', 'a new connection with the new certificate')
  const after = await ask(child.url, agent)
  t.is(after.socket, before.socket)
  t.deepEqual([after.status, after.name], [200, 'first'])
  t.regex(String(renewals(child)[0]?.['expires']), /^\d{4}-\d\d-\d\dT/)

  const broken: [() => Promise<void>, RegExp][] = [
    [() => writeFile(file('cert.pem'), 'half of it'), /LEDGER_TLS_CERTIFICATE must be/],
    [() => install('third', 'first'), /LEDGER_TLS_KEY is not the key of the certificate/],
    [() => rm(file('cert.key')), /LEDGER_TLS_KEY: \S+ cannot be read: no such file/],
  ]
  for (const [index, [breakIt, problem]] of broken.entries()) {
    await breakIt()
    child.signal('SIGHUP')
    await until(() => alarms(child).length === index + 1, 'an alarm')
    t.regex(String(alarms(child)[index]?.['problems']), problem)
    t.is(await shownBy(child), 'second')
  }
  await install('third')
  child.signal('SIGHUP')
  await until(async () => (await shownBy(child)) === 'third', 'the one that is whole again')
  t.is((await ask(child.url, agent)).socket, before.socket)
})

pure('a start with files that are no certificate to be shown is refused with all that is wrong', async (t) => {
  const { file, env } = await certificates(t, 'first', 'second')
  await run({
    file: 'openssl',
    args: `req -x509 -nodes -newkey rsa:512 -subj /CN=weak -keyout ${file('weak.key')} -out ${file('weak.pem')}`.split(
      ' ',
    ),
  })
  const [keyless, certless] = [file('first.pem'), file('first.key')]
  const problemsWith = async (over: Record<string, string>) => {
    const served = {
      LEDGER_ISSUER: 'https://ledger.example',
      LEDGER_DATABASE_URL: 'postgres://x@127.0.0.1:1/x',
      LEDGER_SECRETS_SYSTEM: `1:${randomBytes(32).toString('base64')}`,
    }
    const error = await t.throwsAsync(tokenLedger({ ...served, ...env, ...over }, 'serve', 'token-endpoint'))
    return String(error?.message)
  }
  const wrong: [Record<string, string>, RegExp][] = [
    [{ LEDGER_TLS_KEY: '' }, /LEDGER_TLS_KEY is missing beside LEDGER_TLS_CERTIFICATE$/],
    [
      { LEDGER_TLS_CERTIFICATE: '/nope', LEDGER_TLS_KEY: '/neither' },
      /LEDGER_TLS_CERTIFICATE: \/nope cannot be read: no such file or directory\n {2}LEDGER_TLS_KEY: \/neither cannot/,
    ],
    [
      { LEDGER_TLS_KEY: file('second.key') },
      /LEDGER_TLS_KEY is not the key of the certificate in LEDGER_TLS_CERTIFICATE$/,
    ],
    [
      { LEDGER_TLS_CERTIFICATE: certless, LEDGER_TLS_KEY: keyless },
      /LEDGER_TLS_CERTIFICATE must be [^\n]*begins with a certificate\n {2}LEDGER_TLS_KEY must be [^\n]*private key/,
    ],
    [
      { LEDGER_TLS_CERTIFICATE: file('weak.pem'), LEDGER_TLS_KEY: file('weak.key') },
      /LEDGER_TLS_CERTIFICATE cannot be used for TLS: is its key too short\?$/,
    ],
    [{}, /ended with 3: cannot reach LEDGER_DATABASE_URL/],
  ]
  await Promise.all(
    wrong.map(async ([over, problem]) => {
      const told = await problemsWith(over)
      t.regex(told, problem)
      t.false(told.includes('PRIVATE KEY'))
    }),
  )
})

pure('a certificate is refused when it has expired, and before it is valid', async (t) => {
  const { file } = await certificates(t, 'first')
  const files = { TLS_CERTIFICATE: file('cert.pem'), TLS_KEY: file('cert.key') }
  const day = 86_400_000
  t.true(readTlsFiles(files).expires.getTime() > Date.now() + day)
  t.throws(() => readTlsFiles(files, new Date(Date.now() + 3 * day)), {
    message: /LEDGER_TLS_CERTIFICATE expired on \w+/,
  })
  t.throws(() => readTlsFiles(files, new Date(Date.now() - day)), { message: /is valid from .* only$/ })
})

pure('a connection that never begins to speak TLS is cut off when the server closes', async (t) => {
  const { file } = await certificates(t, 'first')
  const tls = readTlsFiles({ TLS_CERTIFICATE: file('cert.pem'), TLS_KEY: file('cert.key') })
  const listener = await listen(new Koa(), { host: '127.0.0.1', port: 0, tls })
  const silent = connectPlain(listener.port, '127.0.0.1')
  await arrival(once(silent, 'connect'), 'a connection')
  const cut = once(silent, 'close')
  const start = performance.now()
  await listener.close(50)
  await arrival(cut, 'the end of the connection')
  t.true(performance.now() - start < inTime(3_000))
})
