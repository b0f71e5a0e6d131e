import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { loadSettings } from '../../shared/config/load-settings.ts'
import { OperatorError } from '../../shared/config/operator-error.ts'

const PRODUCTION = {
  LEDGER_ISSUER: 'https://tokens.example',
  LEDGER_DATABASE_URL: 'postgres://ledger:pw@db/ledger',
  LEDGER_SECRETS_SYSTEM: `1:${randomBytes(32).toString('base64')}`,
}

async function folderOf(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'providers-'))
  t.teardown(() => rm(folder, { recursive: true }))
  return folder
}

async function settingsWith(t: ExecutionContext, providers: unknown) {
  const file = join(await folderOf(t), 'providers.json')
  await writeFile(file, typeof providers === 'string' ? providers : JSON.stringify(providers))
  return { file, load: () => loadSettings({ ...PRODUCTION, LEDGER_UPSTREAM_PROVIDERS: file }) }
}

async function problemOf(t: ExecutionContext, providers: unknown): Promise<string> {
  const { file, load } = await settingsWith(t, providers)
  const error = t.throws(load, { instanceOf: OperatorError })
  t.is(error.problems.length, 1, error.message)
  const start = `LEDGER_UPSTREAM_PROVIDERS names ${file}: `
  t.true(error.message.includes(start), error.message)
  return (error.problems[0] ?? '').slice(start.length)
}

const CLIENT = { client_id: 'ledger', client_secret: 'a secret' }

test('providers come from a JSON file, each with a name, and a secret that may stand in a file of its own', async (t) => {
  const secret = join(await folderOf(t), 'secret')
  await writeFile(secret, 'the secret\n')
  const { load } = await settingsWith(t, {
    example: { issuer: 'https://login.example', client_id: 'ledger', client_secret_file: secret, label: 'Example' },
    local: {
      issuer: 'http://127.0.0.1:9000',
      client_id: 'ledger',
      token_endpoint_auth_method: 'none',
      creates_people: true,
    },
  })
  const [example, local] = load().UPSTREAM_PROVIDERS
  t.like(example, { name: 'example', label: 'Example', client_secret: 'the secret', scope: 'openid profile email' })
  t.like(example, { creates_people: false, groups: [] })
  t.like(local, { name: 'local', label: 'local', creates_people: true })
})

test('without that file there are no providers', (t) => {
  t.deepEqual(loadSettings(PRODUCTION).UPSTREAM_PROVIDERS, [])
})

test('all problems of all providers are told at once, and no secret', async (t) => {
  const problem = await problemOf(t, {
    'Not A Name': { issuer: 'https://a.example', ...CLIENT },
    b: { issuer: 'http://b.example', ...CLIENT, scope: 'email', client_secrt: 'typed wrong', label: '' },
    c: { client_id: 'ledger' },
  })
  t.notRegex(problem, /a secret|typed wrong/)
  t.deepEqual(problem.split('; '), [
    'Not A Name must be a name of lower-case letters, digits and "-"',
    'b.issuer must begin with https:, or http: and a loopback address, and have no user name',
    'b.scope must have the scope openid',
    'b.label must not be empty',
    'b.client_secrt is not a setting',
    'c.issuer is required',
  ])
})

test('what belongs together is asked for together', async (t) => {
  const problem = await problemOf(t, {
    a: { issuer: 'https://a.example', client_id: 'ledger' },
    b: { issuer: 'https://b.example', ...CLIENT, token_endpoint_auth_method: 'none' },
    c: { issuer: 'https://c.example', ...CLIENT, client_secret_file: '/does/not/exist' },
    d: { issuer: 'https://d.example', ...CLIENT, groups: ['staff'] },
    e: { issuer: 'https://d.example', ...CLIENT },
  })
  t.deepEqual(problem.split('; '), [
    'a.client_secret or a.client_secret_file is required, unless token_endpoint_auth_method is none',
    'b has a secret, and token_endpoint_auth_method none',
    'c.client_secret_file: /does/not/exist cannot be read: no such file or directory',
    'c.client_secret and c.client_secret_file are both set',
    'd.groups_claim and d.groups belong together: which claim, and what may be taken from it',
    'd and e have the same issuer',
  ])
})

test('a file that is no object of providers is told', async (t) => {
  t.is(await problemOf(t, '{'), 'it is not JSON')
  t.is(await problemOf(t, []), 'it is not an object of providers, each by its name')
  t.is(await problemOf(t, { a: 'https://a.example' }), 'a must be of type object')
})

test('an issuer is a bare address over HTTPS, or of this machine', async (t) => {
  for (const issuer of [
    'nothing',
    'ftp://a.example',
    'https://user@a.example',
    'https://a.example?b',
    'http://10.0.0.1',
  ])
    t.regex(await problemOf(t, { a: { issuer, ...CLIENT } }), /^a\.issuer must/, issuer)
  for (const issuer of ['https://a.example/realms/b/', 'http://[::1]:80', 'http://localhost:1'])
    t.is((await settingsWith(t, { a: { issuer, ...CLIENT } })).load().UPSTREAM_PROVIDERS[0]?.issuer, issuer)
})

test('a setting that leaves no way in, or names two that exclude each other, is a problem', async (t) => {
  const problems = (env: Record<string, string>) =>
    t.throws(() => loadSettings({ ...PRODUCTION, ...env }), { instanceOf: OperatorError }).problems
  t.regex(problems({ LEDGER_LOGIN_WITH_PASSWORD: 'false' })[0] ?? '', /names nobody to log in with$/)
  const { file } = await settingsWith(t, { a: { issuer: 'https://a.example', ...CLIENT } })
  const both = { LEDGER_UPSTREAM_PROVIDERS: file, LEDGER_LOGIN_URL: 'https://login.example' }
  t.regex(problems(both)[0] ?? '', /^LEDGER_UPSTREAM_PROVIDERS and LEDGER_LOGIN_URL are both set/)
})
