import { once } from 'node:events'
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { commandLine } from '../support/command-line.ts'
import { startLedger, type TestLedger } from '../support/ledger.ts'
import { realTest } from '../support/real-parts.ts'

const test = realTest('postgres')

async function folder(t: ExecutionContext): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'ledger-cli-'))
  t.teardown(() => rm(made, { recursive: true, force: true }))
  return made
}

/** How the command line reaches a ledger as an auditor, with its secret in a file and a cache of its own. */
async function asAuditor(t: ExecutionContext, ledger: TestLedger) {
  const scope = 'ledger.admin ledger.audit'
  const { client_id, client_secret } = await ledger.client({ scope, groups: ['Administrators'] })
  const XDG_CACHE_HOME = await folder(t)
  const LEDGER_CLIENT_SECRET_FILE = join(await folder(t), 'cli.secret')
  await writeFile(LEDGER_CLIENT_SECRET_FILE, `${client_secret}\n`)
  const urls = { LEDGER_URL: ledger.url, LEDGER_ADMIN_URL: ledger.adminUrl }
  return { ...urls, LEDGER_CLIENT_ID: client_id, LEDGER_CLIENT_SECRET_FILE, XDG_CACHE_HOME }
}

test('verbs that ask a service share one token, kept for this user only, until logout revokes it', async (t) => {
  const ledger = await startLedger(t)
  const env = await asAuditor(t, ledger)
  const kept = join(env.XDG_CACHE_HOME, 'token-ledger')
  const before = await ledger.length()
  const first = await commandLine(env, 'projection', 'status', '--format', 'json')
  t.is(first.code, 0, first.err)
  t.is((await ledger.length()) - before, 1, 'one token was issued')
  t.is((await commandLine(env, 'audit', 'replay', '--format', 'jsonl')).code, 0)
  t.is((await ledger.length()) - before, 1, 'and used again')

  const [name = '', ...more] = await readdir(kept)
  t.deepEqual(more, [])
  t.deepEqual([(await stat(kept)).mode & 0o777, (await stat(join(kept, name))).mode & 0o777], [0o700, 0o600])
  const { access_token } = JSON.parse(await readFile(join(kept, name), 'utf8')) as { access_token: string }
  const ask = async () => {
    const answer = await fetch(`${ledger.adminUrl}/audit/keys`, {
      headers: { authorization: `Bearer ${access_token}` },
    })
    return answer.status
  }
  t.is(await ask(), 200)
  const left = await commandLine(env, 'logout')
  t.deepEqual([left.code, left.out, left.err], [0, '', "revoked 1 of the command line's own tokens\n"])
  t.is(await ask(), 401)
  t.deepEqual(await readdir(kept), [])
  t.deepEqual((await commandLine(env, 'logout')).err, 'no token was kept\n')
})

test('a kept token that the service refuses is fetched anew once, and a cache that cannot be used is told', async (t) => {
  const ledger = await startLedger(t)
  const env = await asAuditor(t, ledger)
  await commandLine(env, 'projection', 'status')
  const kept = join(env.XDG_CACHE_HOME, 'token-ledger')
  const [name = ''] = await readdir(kept)
  const { access_token } = JSON.parse(await readFile(join(kept, name), 'utf8')) as { access_token: string }
  const as = {
    client_id: env.LEDGER_CLIENT_ID,
    client_secret: (await readFile(env.LEDGER_CLIENT_SECRET_FILE, 'utf8')).trim(),
  }
  await ledger.post('/oauth2/revoke', { token: access_token }, { as })
  const again = await commandLine(env, 'projection', 'status')
  t.deepEqual([again.code, again.err], [0, ''])
  const { access_token: newer } = JSON.parse(await readFile(join(kept, name), 'utf8')) as { access_token: string }
  t.not(newer, access_token)

  await writeFile(join(kept, name), '{"access_token":')
  t.is((await commandLine(env, 'projection', 'status')).code, 0, 'half a file is none')
  const nowhere = { ...env, XDG_CACHE_HOME: join(env.LEDGER_CLIENT_SECRET_FILE, 'below-a-file') }
  const unkept = await commandLine(nowhere, 'projection', 'status')
  t.is(unkept.code, 0)
  t.regex(unkept.err, /^the access token cannot be kept in \S+: not a directory\n$/)
})

test("revoking a key says which grants are the command line's own, and ends those first", async (t) => {
  const ledger = await startLedger(t)
  const env = await asAuditor(t, ledger)
  await ledger.grant({ to: await ledger.client() })
  const dry = await commandLine(env, 'keys', 'revoke', '--kid', '1')
  t.regex(dry.out, /would end 2 grants/)
  t.is(dry.err, '1 of the 2 grants are the command line\'s own: "bin/token-ledger logout" ends them\n')
  const current = await commandLine(env, 'keys', 'revoke', '--kid', '1', '--yes')
  t.is(current.code, 1)
  t.regex(current.err, /^revoked 1 of the command line's own tokens, which are no user's\n/)
})

test('a secret file of the command line that cannot be read is named with its reason, as wrong usage', async (t) => {
  const ledger = { LEDGER_URL: 'http://127.0.0.1:1', LEDGER_ADMIN_URL: 'http://127.0.0.1:1', LEDGER_CLIENT_ID: 'a' }
  const missing = await commandLine({ ...ledger, LEDGER_CLIENT_SECRET_FILE: '/nowhere/cli.secret' }, 'audit', 'verify')
  t.is(missing.code, 2)
  t.regex(missing.err, /LEDGER_CLIENT_SECRET_FILE: \/nowhere\/cli\.secret cannot be read: no such file or directory/)
  const dev = await folder(t)
  await writeFile(join(dev, 'cli.json'), '{')
  const strange = await commandLine({ LEDGER_DATA_DIR: dev }, 'audit', 'verify')
  t.deepEqual([strange.code, strange.err.split('\n').length], [1, 2], strange.err)
  t.regex(strange.err, /LEDGER_DATA_DIR: \S+cli\.json is not what "npm start" writes/)
  for (const damaged of ['{', '{"system":"1:short","clients":{"demo-admin":"a","demo-app":"b","demo-orders":"c"}}']) {
    await writeFile(join(dev, 'secrets'), damaged)
    const served = await commandLine({ LEDGER_DATA_DIR: dev }, 'serve', 'all')
    t.is(served.code, 1)
    t.regex(served.err, /^LEDGER_DATA_DIR: \S+secrets is not what "npm start" wrote: .*\n$/)
  }
})

test('what answers like no token ledger is told as that', async (t) => {
  const server = createServer((_request, response) => response.end('<html>Welcome!</html>')).listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const access = { LEDGER_URL: url, LEDGER_ADMIN_URL: url, LEDGER_CLIENT_ID: 'a', LEDGER_CLIENT_SECRET: 'b' }
  for (const verb of ['audit verify', 'audit replay', 'keys status']) {
    const { code, err } = await commandLine(access, ...verb.split(' '))
    t.is(code, 1)
    t.regex(err, /^(error: )?\S+ does not answer as a token ledger does: .*\n$/, verb)
  }
})

test('keys and secrets are written for this user only, and over nothing without --force', async (t) => {
  const out = join(await folder(t), 'made.secret')
  const made = await commandLine({}, 'keys', 'generate', '--kid', '3', '--out', out)
  t.deepEqual([made.code, made.out, made.err], [0, '', `wrote ${out}, which only you can read\n`])
  t.regex(await readFile(out, 'utf8'), /^3:[\w+/]{43}=\n$/)
  t.is((await stat(out)).mode & 0o777, 0o600)
  const refused = await commandLine({}, 'secrets', 'generate', '--out', out)
  t.deepEqual([refused.code, refused.err], [1, `--out: ${out} exists: --force replaces it\n`])
  await chmod(out, 0o644)
  t.is((await commandLine({}, 'secrets', 'generate', '--out', out, '--force')).code, 0)
  t.regex(await readFile(out, 'utf8'), /^[\w-]{43}\n$/)
  t.is((await stat(out)).mode & 0o777, 0o600)
  t.regex((await commandLine({}, 'secrets', 'generate')).out, /^[\w-]{43}\n$/)
})
