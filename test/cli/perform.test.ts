import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { commandLine } from '../support/command-line.ts'
import { endWithUs, freePorts } from '../support/commands.ts'
import { cleanEnv, ROOT } from '../support/ledger-process.ts'
import { PROGRAM } from '../support/program.ts'
import { arrival } from '../support/waiting.ts'

type Form = Record<string, string>

const TOKENS = { access_token: 'at-of-a-test', refresh_token: 'rt-of-a-test', token_type: 'bearer', expires_in: 3600 }

/** An issuer that hands out tokens for any code, or refuses it; what it was asked is in `asked`. */
async function startIssuer(t: ExecutionContext, { refuses = false } = {}) {
  const asked: { form: Form; authorization: string | undefined }[] = []
  const server = createServer((request, response) => {
    const answer = (status: number, body: object) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    }
    if (request.url === '/.well-known/oauth-authorization-server') return answer(200, metadata)
    let text = ''
    request.on('data', (chunk: Buffer) => (text += chunk.toString()))
    request.on('end', () => {
      asked.push({ form: Object.fromEntries(new URLSearchParams(text)), authorization: request.headers.authorization })
      if (refuses) answer(400, { error: 'invalid_grant', error_description: 'the code\n is \u001b[31mspent' })
      else answer(200, TOKENS)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const metadata = {
    issuer,
    authorization_endpoint: `${issuer}/oauth2/auth`,
    token_endpoint: `${issuer}/oauth2/token`,
    response_types_supported: ['code'],
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: true,
  }
  return { issuer, asked }
}

/** The command, once it waits for the browser: where it sends that, and how it ends. */
async function begin(t: ExecutionContext, issuer: string, ...more: string[]) {
  const words = ['perform', 'authorization-code', '--issuer', issuer, '--client-id', 'app', ...more]
  const child = spawn(process.execPath, [...PROGRAM, ...words], {
    cwd: ROOT,
    env: cleanEnv({}),
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  endWithUs(child)
  child.stdin.end('secret-of-a-test\n')
  t.teardown(() => child.kill('SIGKILL'))
  const told = { out: '', err: '' }
  child.stdout.on('data', (chunk: Buffer) => (told.out += chunk.toString()))
  const ended = new Promise<{ code: number | null; signal: string | null; out: string; err: string }>((resolve) =>
    child.once('close', (code, signal) => resolve({ code, signal, ...told })),
  )
  const shown = new Promise<URL>((resolve, reject) => {
    child.stderr.on('data', (chunk: Buffer) => {
      told.err += chunk.toString()
      const [, url] = /^(http\S+)\n/m.exec(told.err) ?? []
      if (url !== undefined) resolve(new URL(url))
    })
    child.once('close', () => reject(new Error(`it ended: ${told.err}`)))
  })
  const { searchParams, origin, pathname } = await arrival(shown, 'an address for the browser', 30_000)
  const asked = Object.fromEntries(searchParams)
  const back = (answer: Record<string, string | undefined>) =>
    fetch(`${asked['redirect_uri']}?${new URLSearchParams(answer as Form).toString()}`)
  const stop = () => child.kill('SIGINT')
  return { asked, at: `${origin}${pathname}`, back, ended: arrival(ended, 'its end', 30_000), stop }
}

test('a command logs in by a browser: PKCE, state, any port of loopback; the pair is printed, the page says so', async (t) => {
  const { issuer, asked } = await startIssuer(t)
  const more = ['--no-open', '--scope', 'a b', '--prompt', 'login', '--max-age', '60', '--format', 'json']
  const one = await begin(t, issuer, ...more)
  t.is(one.at, `${issuer}/oauth2/auth`)
  const { state = '', code_challenge, redirect_uri = '', ...rest } = one.asked
  t.regex(redirect_uri, /^http:\/\/127\.0\.0\.1:\d+\/callback$/)
  t.deepEqual(rest, {
    response_type: 'code',
    client_id: 'app',
    scope: 'a b',
    prompt: 'login',
    max_age: '60',
    code_challenge_method: 'S256',
  })
  const page = await one.back({ code: 'a-code', state, iss: issuer })
  t.regex(await page.text(), /You may close this page: the tokens are in the terminal/)
  t.regex(page.headers.get('content-security-policy') ?? '', /default-src 'none'/)
  const { code, out } = await one.ended
  t.is(code, 0)
  t.like(JSON.parse(out), TOKENS)
  const [first] = asked
  const form = first?.form ?? {}
  const authorization = first?.authorization
  t.is(authorization, undefined)
  t.like(form, { grant_type: 'authorization_code', code: 'a-code', redirect_uri, client_id: 'app' })
  t.is(
    createHash('sha256')
      .update(form['code_verifier'] ?? '')
      .digest('base64url'),
    code_challenge ?? '',
  )
})

test('a secret comes from stdin or a file; the tokens go to a file of --out, and nowhere else', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'token-ledger-perform-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const [secret, out] = [join(folder, 'secret'), join(folder, 'tokens.json')]
  await writeFile(secret, 'secret-of-a-test\n')
  const { issuer, asked } = await startIssuer(t)
  for (const given of ['-', secret]) {
    const one = await begin(t, issuer, '--no-open', '--client-secret-file', given, '--out', out, '--force')
    await one.back({ code: 'a-code', state: one.asked['state'] ?? '', iss: issuer })
    const ended = await one.ended
    t.is(ended.code, 0, ended.err)
    t.notRegex(ended.out + ended.err, /of-a-test/)
    t.is(JSON.parse(await readFile(out, 'utf8')).access_token, TOKENS.access_token)
    t.is((await stat(out)).mode & 0o777, 0o600)
  }
  t.deepEqual(
    asked.map(({ authorization }) => atob((authorization ?? '').slice(6)).replaceAll('%2D', '-')),
    Array(2).fill('app:secret-of-a-test'),
  )
})

test('a person who denies is told in one line, exit code 1; so is a code that is refused, without control characters', async (t) => {
  const { issuer } = await startIssuer(t, { refuses: true })
  const denied = await begin(t, issuer, '--no-open')
  const answer = { error: 'access_denied', error_description: 'the person said no', state: denied.asked['state'] ?? '' }
  t.regex(await (await denied.back({ ...answer, iss: issuer })).text(), /the terminal says why/)
  const ended = await denied.ended
  t.deepEqual([ended.code, ended.out], [1, ''])
  t.is(lastLine(ended.err), `${issuer}: the person said no (access_denied)`)
  const refused = await begin(t, issuer, '--no-open')
  await refused.back({ code: 'x', state: refused.asked['state'] ?? '', iss: issuer })
  const { code, err } = await refused.ended
  t.deepEqual([code, lastLine(err)], [1, `${issuer}: the code is [31mspent (invalid_grant)`])
})

test('an answer of another issuer, or of none, is refused; one with another state does not end the command', async (t) => {
  const { issuer, asked } = await startIssuer(t)
  for (const iss of [{ iss: 'https://evil.example' }, {}]) {
    const one = await begin(t, issuer, '--no-open')
    const { state = '' } = one.asked
    const strange = await one.back({ code: 'theirs', state: `${state}x`, iss: issuer })
    t.is(strange.status, 400)
    t.is((await fetch(`${new URL(one.asked['redirect_uri'] ?? '').origin}/favicon.ico`)).status, 404)
    await one.back({ code: 'theirs', state, ...iss })
    const { code, err } = await one.ended
    t.is(code, 1)
    t.regex(lastLine(err), /iss/)
  }
  t.is(asked.length, 0, 'no code was sent on')
})

test('nobody comes: exit code 1 after --timeout; Ctrl-C ends it; a port that is taken is told', async (t) => {
  const { issuer } = await startIssuer(t)
  const late = await begin(t, issuer, '--no-open', '--timeout', '1')
  const { code, err } = await late.ended
  t.deepEqual([code, lastLine(err)], [1, 'no answer came within 1 s'])
  const stopped = await begin(t, issuer, '--no-open')
  const port = new URL(stopped.asked['redirect_uri'] ?? '').port
  const words = ['perform', 'authorization-code', '--issuer', issuer, '--client-id', 'app', '--redirect-port', port]
  const taken = await commandLine({}, ...words, '--no-open')
  t.is(taken.code, 1)
  t.regex(taken.err, /^--redirect-port: cannot listen on 127\.0\.0\.1:\d+: .*EADDRINUSE/)
  stopped.stop()
  t.is((await stopped.ended).signal, 'SIGINT')
})

test('an issuer that is away is exit code 3, one that is none 1, wrong usage 2; plain HTTP is for loopback only', async (t) => {
  const perform = (...words: string[]) => commandLine({}, 'perform', 'authorization-code', ...words)
  const port = await freePorts(1)
  const away = await perform('--client-id', 'app', '--issuer', `http://127.0.0.1:${port}`)
  t.is(away.code, 3)
  t.regex(away.err, /^http:\/\/127\.0\.0\.1:\d+: .*ECONNREFUSED/)
  const plain = await perform('--client-id', 'app', '--issuer', 'http://login.example.com')
  t.is(plain.code, 1)
  t.regex(plain.err, /only requests to HTTPS are allowed/)
  for (const words of [['--issuer', 'x', '--client-id', 'a'], ['--client-id', 'a', '--max-age', '-1'], []])
    t.is((await perform(...words)).code, 2, words.join(' '))
})

function lastLine(text: string): string {
  return text.trimEnd().split('\n').at(-1) ?? ''
}
