import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { LOGS, scan, scanLogs, SEEDED } from './scan-logs.ts'

const TOKEN = `tl_at_${'A'.repeat(55)}`
const RECORD = { specversion: '1.0', data: { secret: { kid: 1, hash: 'h'.repeat(43) } } }

const TOLD: [what: string, line: string][] = [
  ['a token', JSON.stringify({ msg: 'request', path: `/tokens/${TOKEN}` })],
  ['an Authorization header', 'authorization: Basic c2hvcDpzZWNyZXQtc2VjcmV0'],
  ['a key', `LEDGER_SECRETS_SYSTEM=1:${'k'.repeat(43)}=`],
  ['the hash of a secret', JSON.stringify({ hash: RECORD.data.secret.hash })],
  ['the hash of a secret', JSON.stringify({ record: JSON.stringify(RECORD.data) })],
  ['a whole record', JSON.stringify({ value: JSON.stringify({ specversion: '1.0' }) })],
  ['bytes', JSON.stringify({ value: Buffer.from('Jane') })],
  ['bytes', 'value: <Buffer 4a 61 6e 65>'],
  ['what PostgreSQL says of a row', 'detail: Key (username)=(jane) already exists.'],
  ['a password in a URL', 'connecting to postgres://ledger:geheim@db/ledger'],
  ['a seeded secret or name', 'a user "Jane Doe"'],
  ['a seeded secret or name', Buffer.from('Jane Doe').toString('base64')],
  ['a seeded secret or name', Buffer.from('Jane Doe').toString('hex')],
  ['a seeded secret or name', JSON.stringify({ msg: 'Zoë "the" Ledger' })],
]

test('a line that tells a secret or a name is found, by its file and number, and not repeated', (t) => {
  for (const [what, line] of TOLD)
    t.deepEqual(scan('a.log', `{"msg":"serving"}\n${line}\n`, ['Jane Doe', 'Zoë "the" Ledger']), [
      { file: 'a.log', line: 2, what },
    ])
})

test('ids, positions, addresses and masked tokens are no secrets', (t) => {
  const line = {
    grant_id: '01a21867-b4d0-76fa-8e66-5caccd834cab',
    place: 'ledger.grants-7',
    path: '/tokens/tl_at_...',
    url: 'postgres://db.example:5432/ledger',
    time: '2026-11-26T15:00:00.000Z',
  }
  t.deepEqual(scan('a.log', JSON.stringify(line), ['Jane Doe']), [])
})

test('every log of a run is looked through for what its test file seeded, and what is printed for all of it', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'logs-'))
  t.teardown(() => rm(folder, { recursive: true }))
  await mkdir(join(folder, 'one.test-1'))
  await mkdir(join(folder, 'two.test-2'))
  await writeFile(join(folder, 'one.test-1', 'serve.log'), 'nothing\n')
  await writeFile(join(folder, 'two.test-2', SEEDED), '"Jane Doe"\n"Jane Doe"\n')
  await writeFile(join(folder, 'two.test-2', 'serve.log'), 'nothing\nof Jane Doe\n')
  const { hits, count } = await scanLogs(folder, { printed: 'Jane Doe\n', isWhole: true })
  t.is(count, 4)
  const places = hits.map(({ file, line }) => `${file}:${line}`)
  t.deepEqual(places, ['two.test-2/serve.log:2', 'stderr of the tests:1'])
  t.deepEqual(await scanLogs(join(folder, 'none')), { hits: [], count: 0 })
})

test('a whole run of which no log was kept, or that seeded nothing, was not looked through', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'logs-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const whole = async (at: string) => (await scanLogs(at, { printed: 'a warning\n', isWhole: true })).hits
  const nothing = [{ file: LOGS, line: 0, what: 'nothing, of a whole run' }]
  t.deepEqual(await whole(join(folder, 'none')), nothing)
  await mkdir(join(folder, 'one.test-1'))
  await writeFile(join(folder, 'one.test-1', 'serve.log'), 'a line\n')
  t.deepEqual(await whole(folder), nothing)
  await writeFile(join(folder, 'one.test-1', SEEDED), '"Jane Doe"\n')
  t.deepEqual(await whole(folder), [])
})
