import { v7 as uuidv7 } from 'uuid'
import { QueueFull } from '../../shared/database/batcher.ts'
import { registryPlace } from '../../shared/event-log/places.ts'
import { WaitTimeout } from '../../shared/read-model/position-waiter.ts'
import { createTokenReader, READ_BOUND } from '../../shared/read-model/reads/tokens.ts'
import { refuses } from '../support/asserting.ts'
import { inTime } from '../support/in-time.ts'
import { startLedger } from '../support/ledger.ts'
import { realTest } from '../support/real-parts.ts'
import { startPostgres } from '../support/start-postgres.ts'

const real = realTest('postgres')

real('with a frozen database every route answers 503 in time, and the reads behind it do not pile up', async (t) => {
  const server = await startPostgres()
  t.teardown(() => server.stop())
  const settings = { DATABASE_URL: server.url, APPEND_TIMEOUT: '3' }
  const ledger = await startLedger(t, { settings })
  const admin = await ledger.client({ scope: 'ledger.admin ledger.audit', groups: ['Administrators'] })
  const asked = await ledger.post('/oauth2/token', { grant_type: 'client_credentials' }, { as: admin })
  const bearer = { authorization: `Bearer ${String(asked.body['access_token'])}` }
  const routes = [
    '/admin/scopes/read',
    `/admin/clients/${admin.client_id}`,
    '/admin/keys/1',
    '/audit/events',
    `/audit/grants/${uuidv7()}`,
    '/audit/verify',
    '/audit/projection',
    '/audit/keys',
  ]
  const writes: [method: string, path: string][] = [
    ['PUT', '/admin/scopes/read'],
    ['PUT', '/admin/users/ada'],
    ['POST', '/admin/clients'],
    ['POST', `/admin/clients/${admin.client_id}/revoke-all`],
    ['POST', '/admin/users/ada/revoke-all'],
    ['POST', '/admin/grants'],
    ['POST', `/admin/grants/${uuidv7()}/revoke`],
    ['POST', '/admin/keys/1/revoke'],
    ['POST', '/admin/keys/1/retire'],
  ]
  for (const path of routes.slice(1, 3)) t.is((await ledger.admin.send(path, { headers: bearer })).status, 200, path)
  t.teardown(() => server.resume())
  await server.pause()
  const start = performance.now()
  const late = t.throwsAsync(ledger.runtime.waiter.freshAsOf(registryPlace(ledger.runtime.topics), Infinity, 300), {
    instanceOf: WaitTimeout,
  })
  const waited = late.then(() => performance.now() - start)
  const read = createTokenReader(ledger.runtime, { patienceMs: 3_000 })
  let refusedAtOnce = 0
  const flood = Array.from({ length: READ_BOUND + 1_000 }, () =>
    read({ client_id: admin.client_id, grant_id: null, generation: 0 }).catch((error: unknown) => {
      if (error instanceof QueueFull) refusedAtOnce++
    }),
  )
  await new Promise(setImmediate)
  t.is(refusedAtOnce, 1_000)
  const asking = routes.map((path): [string, string] => ['GET', path])
  await Promise.all(
    [...asking, ...writes].map(async ([method, path]) => {
      const headers = { ...bearer, 'content-type': 'application/json' }
      const body = method === 'GET' ? {} : { body: '{}' }
      const answer = await ledger.admin.send(path, { method, headers, ...body })
      refuses(t, answer, [503, 'temporarily_unavailable'], path)
      t.true(performance.now() - start < inTime(4_500), path)
    }),
  )
  t.true((await waited) < inTime(2_000), 'the waiter, while its query hangs')
  await Promise.all(flood)
  // What the pool has to say is a line of the log like any other: it would go to stdout, with its stack.
  const said = ledger.lines.flatMap(({ database }) => (typeof database === 'string' ? [database] : []))
  t.true(said.some((message) => message.startsWith('Acquire connection error: Error: timeout expired')))
  t.false(said.some((message) => message.includes('\n')))
})
