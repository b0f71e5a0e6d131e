import { CLIENT } from '../../../services/admin/clients/client-kind.ts'
import { USERS } from '../../../services/admin/kinds/users.ts'
import { listEntities } from '../../../services/admin/lists/list-entities.ts'
import { createHttpApp } from '../../../shared/http/app/create-app.ts'
import { listen } from '../../../shared/http/listen.ts'
import { knownError } from '../../../shared/process/known-errors.ts'
import { guardOf } from '../../../shared/process/runtime.ts'
import { createRegistryPageReader } from '../../../shared/read-model/lists/registry-page.ts'
import { realTest } from '../../support/real-parts.ts'
import { startLedger } from '../ledger.ts'

const test = realTest('postgres')

test('a list whose own statement is older than the bound is 503, also where the right was judged on a newer one', async (t) => {
  const { runtime, root } = await startLedger(t)
  const guard = guardOf(runtime)
  const read = createRegistryPageReader(runtime)
  let behindMs = 0
  // As a page that is read elsewhere, or that waited for its statement.
  const registryPage: typeof read = async (question) => {
    const page = await read(question)
    return { ...page, checkpoint: { ...page.checkpoint, fresh_as_of: page.now - behindMs } }
  }
  const { app, router } = createHttpApp({
    for: 'machines',
    known: knownError,
    logger: runtime.logger,
    requireHttps: false,
    trustedProxies: [],
  })
  for (const listed of [USERS, CLIENT]) router.get(`/${listed.kind}`, listEntities({ ...guard, registryPage }, listed))
  const listener = await listen(app, { host: '127.0.0.1', port: 0 })
  t.teardown(() => listener.close(0))
  const list = async (kind: string) => {
    const answer = await fetch(`${listener.url}/${kind}`, { headers: { authorization: `Bearer ${root}` } })
    return [answer.status, answer.headers.get('retry-after')]
  }
  for (const kind of ['user', 'client']) {
    behindMs = 0
    t.deepEqual(await list(kind), [200, null])
    behindMs = guard.checkMaxLagMs + 1
    t.deepEqual(await list(kind), [503, '1'])
  }
})
