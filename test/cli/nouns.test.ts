import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage } from 'node:http'
import { type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import ava, { type ExecutionContext } from 'ava'
import { parse } from 'yaml'
import { z } from 'zod'
import { CLIENT } from '../../services/admin/clients/client-kind.ts'
import { CLIENT_MEMBERS } from '../../services/admin/clients/client-metadata.ts'
import { KINDS } from '../../services/admin/kinds/kinds.ts'
import { ACLS, CLIENTS, GROUPS_NOUN, RESOURCES, SCOPES, USERS } from '../../services/cli/commands/nouns/nouns.ts'
import { commandLine, type Ended } from '../support/command-line.ts'
import { startLedger, type TestLedger } from '../support/ledger.ts'
import { realTest } from '../support/real-parts.ts'

const test = realTest('postgres')
const NOUNS = [CLIENTS, SCOPES, GROUPS_NOUN, ACLS, RESOURCES, USERS]

ava('every member and filter that the admin API takes has an option, but for what has one value, and keys', (t) => {
  const api = [
    { plural: 'clients', members: Object.keys(CLIENT_MEMBERS), filters: Object.keys(CLIENT.filters) },
    ...KINDS.map(({ path, id, body, filters }) => {
      const schema = z.toJSONSchema(body('x'), { io: 'input', unrepresentable: 'any' })
      const members = Object.keys(schema.properties ?? {}).filter((name) => name !== id || path === 'users')
      return { plural: path, members, filters: Object.keys(filters) }
    }),
  ]
  t.is(api.length, NOUNS.length)
  for (const { plural, members, filters } of api) {
    const noun = NOUNS.find((one) => one.plural === plural)
    const options = noun?.members.map(({ name }) => name).sort()
    const expected = members.filter((name) => !['refresh_rotation', 'jwks', 'revision', noun?.id].includes(name)).sort()
    t.deepEqual(options, expected, plural)
    t.deepEqual(noun?.filters.map(({ name }) => name).sort(), ['prefix', ...filters].sort(), plural)
  }
})

type Credentials = { client_id: string; client_secret: string }
type Run = (...args: string[]) => Promise<Ended>

/** The command line as an administrator of this ledger; `admin_url`: asked instead of its own. */
async function administrator(ledger: TestLedger, admin_url = ledger.adminUrl): Promise<Run> {
  const { client_id, client_secret } = await ledger.client({ scope: 'ledger.admin', groups: ['Administrators'] })
  const env = environment({ ...ledger, adminUrl: admin_url }, { client_id, client_secret: String(client_secret) })
  return (...args) => commandLine(env, ...args)
}

function environment({ url, adminUrl }: Pick<TestLedger, 'url' | 'adminUrl'>, as: Credentials): Record<string, string> {
  return {
    LEDGER_URL: url,
    LEDGER_ADMIN_URL: adminUrl,
    LEDGER_CLIENT_ID: as.client_id,
    LEDGER_CLIENT_SECRET: as.client_secret,
  }
}

async function folder(t: ExecutionContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'token-ledger-nouns-'))
  t.teardown(() => rm(path, { recursive: true }))
  return path
}

const EACH: [string, string, string[], string[], Record<string, unknown>][] = [
  [
    'scopes',
    'billing.read',
    ['--includes', 'billing,orders:approve'],
    ['--description', 'Read.'],
    { description: 'Read.' },
  ],
  ['groups', 'Temps', ['--description', 'For a while'], ['--unset', 'description'], { description: '' }],
  ['acls', 'Temps', ['--allowed-groups', 'Developers'], ['--denied-groups', ''], { denied_groups: [] }],
  [
    'resources',
    'billing:approve',
    ['--execute-acl', 'Internal', '--templates', 'POST /a', '--templates', 'PUT /b'],
    ['--unset', 'execute_acl'],
    {
      execute_acl: null,
      templates: [
        { method: 'POST', path: '/a' },
        { method: 'PUT', path: '/b' },
      ],
    },
  ],
  ['users', '4f2c', ['--username', 'ada', '--name', 'no'], ['--disabled'], { enabled: false, name: 'no' }],
]

test('scopes, groups, ACLs, resources and users are made, listed, shown, changed and deleted, in each format', async (t) => {
  t.timeout(180_000)
  const run = await administrator(await startLedger(t))
  for (const [plural, id, made, change, changed] of EACH) {
    const idName = plural === 'users' ? 'sub' : 'name'
    t.deepEqual(await run(plural, 'create', id, ...made, '-q'), { code: 0, out: `${id}\n`, err: '' }, plural)
    const listed = await run(plural, 'list', '--format', 'jsonl')
    const ids = listed.out
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as Record<string, unknown>)[idName])
    t.true(ids.includes(id), listed.err)
    const updated = await run(plural, 'update', id, ...change, '--format', 'yaml')
    t.like(parse(updated.out), { ...changed, [idName]: id, revision: 2 }, `${plural} ${updated.err}`)
    t.deepEqual(parse(updated.out, { version: '1.1' }), parse(updated.out), 'an older reader of YAML reads the same')
    const shown = await run(plural, 'get', id)
    t.regex(shown.out, new RegExp(`^${idName} +${id}$`, 'm'), shown.err)
    t.true(shown.out.split('\n').every(({ length }) => length <= 80))
    const deleted = await run(plural, 'delete', id, '--yes', '--format', 'json')
    t.deepEqual(JSON.parse(deleted.out), { [idName]: id, deleted: true }, deleted.err)
    const gone = await run(plural, 'get', id)
    t.deepEqual([gone.code, gone.out], [1, ''])
    t.regex(gone.err, /^error: \S+ answers 404: there is no \w+ of this name \(not_found\)\n$/)
  }
})

test('what is refused, out of date, misused or away has its own exit code, and one line that says what to do', async (t) => {
  t.timeout(180_000)
  const ledger = await startLedger(t)
  const run = await administrator(ledger)
  const path = await folder(t)
  await run('groups', 'create', 'Temps')
  await writeFile(join(path, 'read.yaml'), (await run('groups', 'get', 'Temps', '--format', 'yaml')).out)
  await writeFile(join(path, 'list.json'), '[1]')
  t.is((await run('groups', 'update', 'Temps', '--description', 'second')).code, 0)
  const late =
    /^error: group Temps is at revision 2, and not at "1": see "groups get" for what it is now, and repeat\n$/
  for (const [code, said, ...args] of [
    [1, late, 'groups', 'update', 'Temps', '--file', join(path, 'read.yaml')],
    [1, late, 'groups', 'update', 'Temps', '--description', 'x', '--if-match', '1'],
    [1, late, 'groups', 'delete', 'Temps', '--yes', '--if-match', '"1"'],
    [1, /answers 412/, 'groups', 'create', 'Temps'],
    [1, /answers 409: group Administrators is predefined/, 'groups', 'delete', 'Administrators', '--yes'],
    [1, /answers 400: allowed_groups: there is no group None/, 'acls', 'create', 'Temps', '--allowed-groups', 'None'],
    [2, /^see: .*\nerror: say --yes: nobody can be asked here\n$/, 'groups', 'delete', 'Temps'],
    [2, /error: nothing is to be changed/, 'groups', 'update', 'Temps'],
    [2, /error: required option '--username' not specified/, 'users', 'create'],
    [2, /It must be a whole number or "never"/, 'clients', 'update', 'x', '--access-token-lifetime', 'soon'],
    [2, /--limit must be a whole number/, 'groups', 'list', '--limit', '0'],
    [2, /neither a JSON object nor a YAML mapping/, 'groups', 'update', 'Temps', '--file', join(path, 'list.json')],
  ] as [number, RegExp, ...string[]][]) {
    const ended = await run(...args)
    t.deepEqual([ended.code, ended.out], [code, ''], args.join(' '))
    t.regex(ended.err, said)
  }
  const away = await administrator(ledger, 'http://127.0.0.1:9')
  const { code, err } = await away('groups', 'list')
  t.deepEqual([code, err.split('\n').length], [3, 2], err)
})

test("a client's secret is told once, to stdout or to a file; it is renewed, and the client refused and let in", async (t) => {
  t.timeout(180_000)
  const ledger = await startLedger(t)
  const run = await administrator(ledger)
  const path = await folder(t)
  const file = join(path, 'app.secret')
  const describe = ['--client-name', 'app', '--grant-types', 'client_credentials', '--access-token-lifetime', 'never']
  const quiet = await run('clients', 'create', ...describe, '-q')
  t.deepEqual([quiet.code, quiet.out], [2, ''], 'the secret would be lost')
  const made = await run('clients', 'create', ...describe, '-q', '--out', file)
  t.is(made.code, 0, made.err)
  const client_id = made.out.trim()
  const first = (await readFile(file, 'utf8')).trim()
  t.is((await stat(file)).mode & 0o777, 0o600)
  const again = await run('clients', 'create', '--client-name', 'other', '--out', file)
  t.deepEqual([again.code, (await run('clients', 'list', '--prefix', 'other', '-q')).out], [1, ''], 'nothing was made')
  const shown = await run('clients', 'get', client_id, '--format', 'json')
  t.like(JSON.parse(shown.out), { client_id, access_token_lifetime: null })

  const isLetIn = async (client_secret: string) => {
    const form = { grant_type: 'client_credentials' }
    return (await ledger.post('/oauth2/token', form, { as: { client_id, client_secret } })).status === 200
  }
  const renewed = await run('clients', 'renew-secret', client_id, '-q')
  const second = renewed.out.trim()
  t.deepEqual([await isLetIn(first), await isLetIn(second)], [true, true], renewed.err)
  const third = await run('clients', 'renew-secret', client_id)
  t.regex(third.err, /answers 409: two secrets are valid now/)
  const last = JSON.parse(
    (await run('clients', 'renew-secret', client_id, '--overlap', '0', '--ends', 'current', '--format', 'json')).out,
  ) as Record<string, string>
  t.deepEqual([await isLetIn(second), await isLetIn(String(last['client_secret']))], [false, true])
  t.is((await run('clients', 'disable', client_id, '-q')).out, made.out)
  t.false(await isLetIn(String(last['client_secret'])))
  t.is((await run('clients', 'enable', client_id)).code, 0)
  t.true(await isLetIn(String(last['client_secret'])))
  const everything = [shown, third, await run('clients', 'list', '--wide'), await run('clients', 'get', client_id)]
  const told = everything.map(({ out, err }) => out + err).join('')
  for (const secret of [first, second, String(last['client_secret'])]) t.false(told.includes(secret))
})

test('a grant is made with its tokens, and ended, alone or with all others of the user', async (t) => {
  t.timeout(120_000)
  const ledger = await startLedger(t)
  const run = await administrator(ledger)
  const path = await folder(t)
  const { client_id } = await ledger.client({ grant_types: ['refresh_token'] })
  const sub = await ledger.user()
  const issue = ['grants', 'create', '--client', client_id, '--user', sub]
  const toFile = await run(...issue, '--out', join(path, 'tokens.json'), '--format', 'json')
  const { grant_id, ...rest } = JSON.parse(toFile.out) as Record<string, string>
  t.false('access_token' in rest)
  const { access_token } = JSON.parse(await readFile(join(path, 'tokens.json'), 'utf8')) as Record<string, string>
  t.is((await ledger.eventsOf(String(grant_id)))[0]?.type, 'TokenIssued')
  t.truthy(access_token)
  const other = parse((await run(...issue, '--format', 'yaml')).out) as Record<string, string>
  const revoked = await run('grants', 'revoke', String(grant_id), '--reason', 'left')
  t.deepEqual(revoked, { code: 0, out: `grant ${grant_id}: revoked\n`, err: '' })
  const live = await run('grants', 'list', '--user', sub, '--status', 'live', '-q')
  t.is(live.out, `${other['grant_id']}\n`, live.err)
  const shown = await run('grants', 'get', String(grant_id), '--format', 'jsonl')
  t.like(JSON.parse(shown.out), { grant_id, sub, status: 'revoked', reason: 'left' }, shown.err)
  const all = await run('users', 'revoke-all', sub, '--reason', 'stolen', '--format', 'json')
  t.like(JSON.parse(all.out), { sub, reason: 'stolen' }, all.err)
  const refreshed = await run('grants', 'revoke', String(other['grant_id']), '--reason', 'again')
  t.is(refreshed.code, 0, refreshed.err)
  const unknown = await run('grants', 'delete', '0190b4a1-7c3e-7d4f-9a51-6f2f0c9b1e77', '--reason', 'x')
  t.deepEqual([unknown.code, unknown.out], [1, ''])
})

/** A proxy before the admin port: loses the first answer to each POST, and every ETag; its pages have two entities. */
async function proxied(t: ExecutionContext, target: string): Promise<string> {
  const lost = new Set<string>()
  const server = createServer((request, response) => {
    void (async () => {
      const body = await textOf(request)
      const key = `${request.method} ${request.url}`
      const answer = await fetch(target + String(request.url).replace(/limit=\d+/, 'limit=2'), {
        method: request.method ?? 'GET',
        headers: Object.entries(request.headers).flatMap(([name, value]): [string, string][] =>
          name === 'host' || name === 'connection' || typeof value !== 'string' ? [] : [[name, value]],
        ),
        ...(body !== '' && { body }),
      })
      const text = await answer.text()
      if (request.method === 'POST' && !lost.has(key)) {
        lost.add(key)
        request.socket.destroy()
      } else
        response
          .writeHead(answer.status, { 'content-type': 'application/json', link: answer.headers.get('link') ?? '' })
          .end(text)
    })()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) text += String(chunk)
  return text
}

test('a client is made once where its answer is lost, and changed where a proxy drops every ETag', async (t) => {
  const ledger = await startLedger(t)
  const run = await administrator(ledger, await proxied(t, ledger.adminUrl))
  const made = await run('clients', 'create', '--client-name', 'app', '--format', 'json')
  t.is(made.code, 0, made.err)
  const { client_id, client_secret, revision } = JSON.parse(made.out) as Record<string, string | number>
  t.is(revision, 1)
  t.truthy(client_secret)
  t.is((await run('clients', 'list', '--prefix', 'app', '-q')).out, `${client_id}\n`)
  const changed = await run('clients', 'update', String(client_id), '--description', 'second')
  t.regex(changed.out, /^revision +2$/m, changed.err)
})

test('a list of several pages is told whole and in order, or as much of it as is asked for, in 80 columns', async (t) => {
  t.timeout(120_000)
  const ledger = await startLedger(t)
  const run = await administrator(ledger, await proxied(t, ledger.adminUrl))
  const names = Array.from({ length: 7 }, (_, n) => `s${n}.${'long'.repeat(2 * n)}`)
  for (const name of names) await ledger.scope(name, 'orders', 'billing:approve')
  const quiet = await run('scopes', 'list', '--prefix', 's', '-q')
  t.deepEqual(quiet.out.trim().split('\n'), names, quiet.err)
  const limited = await run('scopes', 'list', '--prefix', 's', '--limit', '5', '--format', 'json')
  t.deepEqual(
    (JSON.parse(limited.out) as { name: string }[]).map(({ name }) => name),
    names.slice(0, 5),
  )
  const table = await run('scopes', 'list', '--prefix', 's')
  t.true(table.out.split('\n').every(({ length }) => length <= 80))
  t.true(
    names.every((name) => table.out.includes(name)),
    'ids stay whole where they can',
  )
  t.false(table.out.includes('\u001b'), 'colours are for a terminal')
  const none = await run('scopes', 'list', '--prefix', 'none', '--format', 'yaml')
  t.deepEqual(none, { code: 0, out: '[]\n', err: '' })
})
