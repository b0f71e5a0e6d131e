import { mountAdmin } from '../../../services/admin/main.ts'
import { mountTokenEndpoint } from '../../../services/token-endpoint/main.ts'
import { createCommit } from '../../../shared/read-model/commit/commit.ts'
import { startLedger } from '../../support/ledger.ts'
import { realTest } from '../../support/real-parts.ts'
import { refresh } from '../../support/refreshing.ts'
import { serveRuntime } from '../../support/serve-runtime.ts'

const test = realTest('postgres')
const SETTINGS = { MAX_LAG: '600', CHECK_MAX_LAG: '600', APPEND_TIMEOUT: '3' }

/** A process that reads from a replica that stands still, and waits for the primary, which has folded everything. */
async function startOnReplica(t: Parameters<typeof startLedger>[0]) {
  const primary = await startLedger(t)
  const app = await primary.client()
  const root = await primary.client({ scope: 'ledger.admin', groups: ['Administrators'] })
  const sub = await primary.user()
  const [pair, administrators] = [await primary.grant({ to: app, sub }), await tokenOf(primary.post, root)]
  await primary.stop()
  const { runtime, lines } = await startLedger(t, { beside: primary, services: [], settings: SETTINGS })
  const { log, topics, clocks, settings } = runtime
  const waiter = { ...runtime.waiter, past: async () => undefined }
  const commit = createCommit({
    log,
    topics,
    waiter,
    clocks,
    issuer: settings.ISSUER,
    timeoutMs: settings.APPEND_TIMEOUT * 1000,
  })
  const requests = await serveRuntime(t, { ...runtime, waiter, commit }, [mountTokenEndpoint, mountAdmin])
  return { ...requests, app, sub, pair, lines, headers: { authorization: `Bearer ${administrators}` } }
}

async function tokenOf(
  post: Awaited<ReturnType<typeof startLedger>>['post'],
  as: { client_id: string; client_secret: string | null },
) {
  const { body } = await post('/oauth2/token', { grant_type: 'client_credentials' }, { as })
  return String(body['access_token'])
}

test('a read that does not show what was just written is 503, never an answer made of the old', async (t) => {
  const { app, sub, pair, lines, headers, ...replica } = await startOnReplica(t)
  const put = JSON.stringify({ username: 'eve' })
  const answers = {
    refresh: await refresh(replica, app, pair.refresh_token),
    issuing: await replica.post('/oauth2/token', { grant_type: 'client_credentials' }, { as: app }),
    granting: await replica.postJson('/admin/grants', { client_id: app.client_id, sub }, { headers }),
    entity: await replica.send('/admin/users/eve', {
      method: 'PUT',
      headers: { ...headers, 'content-type': 'application/json', 'if-none-match': '*' },
      body: put,
    }),
  }
  for (const [what, { status, headers, body }] of Object.entries(answers)) {
    t.is(status, 503, `${what}: ${JSON.stringify(body)}`)
    t.is(headers.get('retry-after'), '1', what)
  }
  const reasons = new Set(lines.flatMap(({ reason }) => (reason === undefined ? [] : [reason])))
  t.deepEqual(reasons, new Set(['the read model fell behind what it had shown']), 'and nobody is alarmed')
})
