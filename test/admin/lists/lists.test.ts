import { realTest } from '../../support/real-parts.ts'
import { type Ledger, startLedger } from '../ledger.ts'

const test = realTest('postgres')

type Row = Record<string, unknown>

/** The pages of a list, from the first `Link` to the last. */
async function walk({ send, root: token, adminUrl }: Ledger, path: string, between = async () => {}): Promise<Row[][]> {
  const pages: Row[][] = []
  let next: string | null = path
  while (next !== null) {
    const { status, body, headers } = await send('GET', next, { token })
    if (status !== 200) throw new Error(`${status} ${JSON.stringify(body)}`)
    pages.push(Object.values(body).find((member): member is Row[] => Array.isArray(member)) ?? [])
    const link = headers.get('link')
    const target = /^<([^>]*)>; rel="next"$/.exec(link ?? '')?.[1]
    if (link !== null && target === undefined) throw new Error(`malformed: ${link}`)
    next = target === undefined ? null : target.replace(adminUrl, '')
    if (pages.length > 100) throw new Error('it never ends')
    await between()
  }
  return pages
}

const ids = (rows: Row[], id: string) => rows.map((row) => row[id])

test('traps-running 3: walking in pages of any size gives each row once, and no next behind the last', async (t) => {
  const ledger = await startLedger(t)
  for (const name of ['s1', 's2', 's3', 's4']) await ledger.make(`/admin/scopes/${name}`, {})
  const all = ['ledger.admin', 'ledger.audit', 's1', 's2', 's3', 's4']
  for (const [limit, sizes] of [
    [1, [1, 1, 1, 1, 1, 1]],
    [2, [2, 2, 2]],
    [3, [3, 3]],
    [4, [4, 2]],
    [6, [6]],
    [7, [6]],
    [1000, [6]],
  ] as const) {
    const pages = await walk(ledger, `/admin/scopes?limit=${limit}`)
    t.deepEqual(
      pages.map((page) => page.length),
      [...sizes],
    )
    t.deepEqual(ids(pages.flat(), 'name'), all)
  }
  t.deepEqual(await walk(ledger, '/admin/users'), [[]], 'no row: one page without a next')
  t.deepEqual(await walk(ledger, '/admin/scopes?prefix=nothing&limit=1'), [[]])
  t.deepEqual(ids((await walk(ledger, '/admin/scopes?prefix=s&limit=2')).flat(), 'name'), ['s1', 's2', 's3', 's4'])
})

test('traps-running 4: names are listed by their bytes, also while rows vanish', async (t) => {
  const ledger = await startLedger(t)
  const names = ['a_z', 'ab', 'A', 'a', 'a%z', 'a-z', 'B', '_', '~']
  for (const name of names)
    await ledger.make(`/admin/users/${encodeURIComponent(name)}`, { username: name === 'A' ? 'Ä' : name })
  const sorted = ['A', 'B', '_', 'a', 'a%z', 'a-z', 'a_z', 'ab', '~']
  t.deepEqual(ids((await walk(ledger, '/admin/users?limit=1')).flat(), 'sub'), sorted)
  const byName = ['a', 'a%z', 'a-z', 'a_z', 'ab']
  for (const limit of [1, 2, 5])
    t.deepEqual(ids((await walk(ledger, `/admin/users?limit=${limit}&prefix=A`)).flat(), 'sub'), byName)
  t.deepEqual(ids((await walk(ledger, '/admin/users?prefix=a_')).flat(), 'sub'), ['a_z'], 'no pattern')
  t.deepEqual(ids((await walk(ledger, '/admin/users?prefix=a%25')).flat(), 'sub'), ['a%z'])
  t.deepEqual(ids((await walk(ledger, '/admin/users?prefix=%C3%A4')).flat(), 'sub'), ['A'])
  const { knex, schema } = ledger.runtime
  const vanish = async () => void (await knex.raw(`UPDATE ${schema}.users SET deleted = true WHERE sub IN ('A', 'a')`))
  const seen = ids((await walk(ledger, '/admin/users?limit=1', vanish)).flat(), 'sub')
  t.deepEqual(
    seen,
    sorted.filter((name) => name !== 'a'),
  )
})

test('lists say what stands there and where they were read, and are narrowed', async (t) => {
  const ledger = await startLedger(t)
  const { send, root: token, make } = ledger
  await make('/admin/groups/Staff', {})
  await make('/admin/users/u1', { username: 'Zoë', groups: ['Staff'] })
  await make('/admin/users/u2', { username: 'adam', enabled: false })
  await make('/admin/users/u3', { username: 'Adele', groups: ['Staff'], enabled: false })
  await make('/admin/acls/Orders', { denied_groups: ['Staff'] })
  await make('/admin/resources/orders', { execute_acl: 'Orders' })
  await make('/admin/scopes/orders', { includes: ['orders'] })
  const { status, body } = await send('GET', '/admin/users', { token })
  t.is(status, 200)
  const { users, registry_position, read_at } = body
  const one = await send('GET', '/admin/users/u1', { token })
  t.deepEqual((users as Row[])[0], one.body)
  t.is((users as Row[]).length, 3)
  const bounds = await ledger.runtime.log.bounds([ledger.runtime.topics.registry])
  t.is(registry_position, bounds[0]?.end)
  t.true(Math.abs(Date.parse(String(read_at)) - Date.now()) < 60_000)
  const found = async (path: string, id = 'sub') => ids((await walk(ledger, path)).flat(), id)
  t.deepEqual(await found('/admin/users?enabled=false'), ['u2', 'u3'])
  t.deepEqual(await found('/admin/users?enabled=true'), ['u1'])
  t.deepEqual(await found('/admin/users?group=Staff'), ['u1', 'u3'])
  t.deepEqual(await found('/admin/users?group=Staff&enabled=false&limit=1'), ['u3'])
  t.deepEqual(await found('/admin/users?group=Nobody'), [])
  t.deepEqual(await found('/admin/users?prefix=AD&limit=1'), ['u2', 'u3'])
  t.deepEqual(await found('/admin/users?prefix=zo%C3%8B'), ['u1'])
  t.deepEqual(await found('/admin/users?prefix=ad&group=Staff'), ['u3'])
  t.deepEqual(await found('/admin/acls?group=Staff', 'name'), ['Orders'])
  t.deepEqual(await found('/admin/resources?execute_acl=Orders', 'name'), ['orders'])
  t.deepEqual(await found('/admin/scopes?includes=orders', 'name'), ['orders'])
  t.deepEqual(await found('/admin/groups?prefix=A', 'name'), ['Administrators', 'Anonymous', 'Auditors'])
})

test('a query that a list does not know is refused by its name', async (t) => {
  const { send, root: token } = await startLedger(t)
  const wrong: [string, string][] = [
    ['/admin/users?limit=0', 'limit'],
    ['/admin/users?limit=1001', 'limit'],
    ['/admin/users?limit=-1', 'limit'],
    ['/admin/users?limit=1e2', 'limit'],
    ['/admin/users?limit=1.5', 'limit'],
    ['/admin/users?limit=2&limit=3', 'limit'],
    ['/admin/users?limit=', 'limit'],
    ['/admin/users?group=', 'group'],
    ['/admin/users?prefix', 'prefix'],
    ['/admin/users?after=x', 'after'],
    ['/admin/users?after=WyJhIiwiYiJd', 'after'],
    ['/admin/users?after=WyJcdTAwMDAiXQ', 'after'],
    ['/admin/users?after=WyJcdWQ4MDAiXQ', 'after'],
    ['/admin/users?prefix=a&after=WyJhIl0', 'after'],
    ['/admin/users?prefix=%00', 'prefix'],
    ['/admin/users?prefix=%ED%A0%80', 'percent-encoding'],
    ['/admin/users?enabled=yes', 'enabled'],
    ['/admin/users?group=Everybody', 'group'],
    ['/admin/users?group=a,b', 'group'],
    ['/admin/users?colour=red', 'colour'],
    ['/admin/groups?enabled=true', 'enabled'],
    ['/admin/scopes?includes=a..b', 'includes'],
  ]
  for (const [path, named] of wrong) {
    const { status, body } = await send('GET', path, { token })
    t.is(status, 400, path)
    t.is(body['error'], 'invalid_request')
    t.true(String(body['error_description']).includes(named), `${path}: ${String(body['error_description'])}`)
  }
})

test('a list that may lack what was answered for is 503, and never an empty page', async (t) => {
  const { send, root: token, runtime } = await startLedger(t)
  t.is((await send('GET', '/admin/users', { token })).status, 200)
  const { knex, schema, topics } = runtime
  const stop = `UPDATE ${schema}.checkpoints SET status = 'stopped', status_reason = 'x' WHERE topic = ?`
  await knex.raw(stop, [topics.registry])
  const { status, headers, body } = await send('GET', '/admin/users', { token })
  t.deepEqual([status, headers.get('retry-after'), body['users']], [503, '1', undefined])
})
