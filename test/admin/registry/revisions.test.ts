import { realTest } from '../../support/real-parts.ts'
import { startLedger } from '../ledger.ts'

const test = realTest('postgres')

test('traps-running 5: an ETag that a compressing proxy has altered still names its revision', async (t) => {
  const { send, root: token, make } = await startLedger(t)
  await make('/admin/groups/Staff', {})
  const put = (etag: string) =>
    send('PUT', '/admin/groups/Staff', { token, body: { description: etag }, headers: { 'if-match': etag } })
  const altered = [
    (n: number) => `"${n}"`,
    (n: number) => `W/"${n}"`,
    (n: number) => `"${n}-gzip"`,
    (n: number) => `W/"${n}-gzip"`,
    (n: number) => `"${n}--gzip"`,
    (n: number) => `"${n}-br"`,
    (n: number) => `"0", W/"${n}-gzip"`,
  ]
  let revision = 1
  for (const etag of altered) {
    const { status, body } = await put(etag(revision))
    t.deepEqual([status, body['revision']], [200, ++revision], etag(revision))
  }
  for (const other of ['"1"', 'W/"1"', '"1-gzip"', `"0${revision}"`, `"${revision}-x"`, `"x${revision}"`, '""'])
    t.is((await put(other)).status, 412, other)
  for (const broken of [`${revision}`, 'w/"1"', '"', `"${revision}`]) t.is((await put(broken)).status, 400, broken)
})

test('traps-running 5: the revision is in the body too, and a body that repeats it changes that one only', async (t) => {
  const { send, root: token, make } = await startLedger(t)
  const created = await make('/admin/scopes/read', {})
  t.is(created.body['revision'], 1)
  const path = '/admin/scopes/read'
  const put = (body: unknown) => send('PUT', path, { token, body, headers: { 'if-match': '*' } })
  t.is((await put({ ...created.body, description: 'x' })).body['revision'], 2)
  t.is((await put(created.body)).status, 412, 'what was read before cannot undo it')
  t.is((await put({ revision: 0 })).status, 400)
  t.is((await put({ revision: '2' })).status, 400)
  const copy = { ...created.body, name: 'copy', revision: 7 }
  const headers = { 'if-none-match': '*' }
  const copied = await send('PUT', '/admin/scopes/copy', { token, body: copy, headers })
  t.deepEqual([copied.status, copied.body['revision']], [201, 1], 'of what is made there is none yet')
  t.is((await send('GET', path, { token })).body['revision'], 2)
})
