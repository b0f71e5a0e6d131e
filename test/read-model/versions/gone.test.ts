import { realTest } from '../../support/real-parts.ts'
import { startLedger } from '../../support/ledger.ts'
import { refresh } from '../../support/refreshing.ts'

realTest('postgres')(
  'a read model that was dropped behind the back of a process is an outage, not a bug',
  async (t) => {
    const ledger = await startLedger(t, { services: ['token-endpoint', 'projector'] })
    const client = await ledger.client()
    const { refresh_token } = await ledger.grant({ to: client })
    await ledger.runtime.knex.raw(`DROP SCHEMA ${ledger.runtime.schema} CASCADE`)
    const { status, headers, body } = await refresh(ledger, client, refresh_token)
    t.is(status, 503)
    t.regex(headers.get('retry-after') ?? '', /^\d+$/)
    t.is(body['error'], 'temporarily_unavailable')
  },
)
