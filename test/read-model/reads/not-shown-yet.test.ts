import { v7 as uuidv7 } from 'uuid'
import { envelop, outgoing } from '../../../shared/event-log/event-codec.ts'
import { formatToken } from '../../../shared/tokens/token-string.ts'
import { issued, refreshed } from '../../ledger/given.ts'
import { ISSUER, startLedger, type TestLedger } from '../../support/ledger.ts'
import type { Pair } from '../../support/ledger-seeds.ts'
import { realTest } from '../../support/real-parts.ts'
import { refresh, typesOf } from '../../support/refreshing.ts'
import type { Answer, Credentials } from '../../support/requests.ts'

const test = realTest('postgres')

/** A grant that the log has and the read model does not show, as long as `work` runs. */
async function whileUnknown<T>(
  { runtime, keys }: TestLedger,
  { client_id, sub, scope }: { client_id: string; sub: string; scope: string },
  work: (pair: Pair) => Promise<T>,
): Promise<T> {
  const { knex, schema, log, topics } = runtime
  const grant_id = uuidv7()
  const [registry] = await log.bounds([topics.registry])
  const registry_position = registry?.end ?? 0
  const terms = { grant_id, client_id, scope, principal: { type: 'user', id: sub }, registry_position } as const
  const content = { kid: keys.current, grant_id, generation: 1 }
  const [access_token, refresh_token] = [formatToken(keys, 'at', content), formatToken(keys, 'rt', content)]
  return knex.transaction(async (blocking) => {
    // A slow machine may take longer than what a frozen process is given.
    await blocking.raw('SET LOCAL idle_in_transaction_session_timeout = 0')
    await blocking.raw(`LOCK ${schema}.grants IN SHARE ROW EXCLUSIVE MODE`)
    await log.append(outgoing(envelop(issued(terms), ISSUER, { actor: 'system/test' }, Date.now()), topics))
    return work({ grant_id, access_token, refresh_token })
  })
}

type Asking = (pair: Pair) => Promise<Answer>

/** What is answered to a question about a grant that the read model shows only after the question was looked at. */
async function answerAboutNew(ledger: TestLedger, app: Credentials, asking: Asking, scope = 'read'): Promise<Answer> {
  const sub = await ledger.user({ groups: ['Administrators'] })
  const known = await ledger.grant({ to: app, sub, scope })
  // Registers what it needs at its first call: nothing can be written later.
  await ledger.isActive(known.access_token)
  const { answer } = await whileUnknown(ledger, { client_id: app.client_id, sub, scope }, async (pair) => {
    const answer = asking(pair)
    // Whoever is answered after this has been asked after this.
    for (let turn = 0; turn < 3; turn++)
      await Promise.all([ledger.isActive(known.access_token), ledger.admin.send('/health/ready')])
    return { answer }
  })
  return answer
}

test('a refresh with a token of a grant that is not shown yet waits, and is answered', async (t) => {
  const ledger = await startLedger(t)
  const app = await ledger.client()
  const { status } = await answerAboutNew(ledger, app, ({ refresh_token }) => refresh(ledger, app, refresh_token))
  t.is(status, 200)
})

test('introspection of a token of a grant that is not shown yet waits, and is answered', async (t) => {
  const ledger = await startLedger(t)
  const app = await ledger.client()
  const server = await ledger.resourceServer('orders')
  const { body } = await answerAboutNew(ledger, app, ({ access_token: token }) =>
    ledger.post('/oauth2/introspect', { token }, { as: server }),
  )
  t.is(body['active'], true)
})

test('a revocation of a grant that is not shown yet waits, and ends it', async (t) => {
  const ledger = await startLedger(t)
  const app = await ledger.client()
  const revoked = { grant_id: '' }
  const { status } = await answerAboutNew(ledger, app, ({ grant_id, refresh_token: token }) => {
    revoked.grant_id = grant_id
    return ledger.post('/oauth2/revoke', { token }, { as: app })
  })
  t.is(status, 200)
  t.deepEqual(await typesOf(ledger, revoked.grant_id), ['TokenIssued valid', 'TokenRevoked valid'])
})

test('an administrator whose own grant is not shown yet waits, and is let in', async (t) => {
  const ledger = await startLedger(t)
  const app = await ledger.client({ scope: 'ledger.admin' })
  const asking: Asking = ({ access_token }) =>
    ledger.admin.send('/admin/groups/Administrators', { headers: { authorization: `Bearer ${access_token}` } })
  t.is((await answerAboutNew(ledger, app, asking, 'ledger.admin')).status, 200)
})

test('a grant that an administrator revokes and that is not shown yet is waited for', async (t) => {
  const ledger = await startLedger(t)
  const app = await ledger.client({ scope: 'ledger.admin' })
  const sub = await ledger.user({ groups: ['Administrators'] })
  const { access_token } = await ledger.grant({ to: app, sub })
  const headers = { authorization: `Bearer ${access_token}` }
  const asking: Asking = ({ grant_id }) =>
    ledger.admin.postJson(`/admin/grants/${grant_id}/revoke`, { reason: 'test' }, { headers })
  t.is((await answerAboutNew(ledger, app, asking, 'ledger.admin')).status, 200)
})

test('a refresh with a generation that is not shown yet waits, and is answered', async (t) => {
  const ledger = await startLedger(t)
  const app = await ledger.client()
  const sub = await ledger.user()
  const { grant_id, refresh_token } = await ledger.grant({ to: app, sub })
  const other = await ledger.grant({ to: app, sub })
  await ledger.isActive(other.access_token)
  const status = await whileGenerationUnknown(ledger, app, { grant_id, refresh_token }, async (next) => {
    const answer = refresh(ledger, app, next)
    for (let turn = 0; turn < 3; turn++)
      await Promise.all([ledger.isActive(other.access_token), ledger.admin.send('/health/ready')])
    return { answer }
  })
  t.is(status, 200)
})

/**
 * Refreshes a grant, so that the log has its second generation and the read model does not show it until `work` is
 * done.
 */
async function whileGenerationUnknown(
  { runtime, keys }: TestLedger,
  { client_id }: Credentials,
  { grant_id }: Pick<Pair, 'grant_id' | 'refresh_token'>,
  work: (refresh_token: string) => Promise<{ answer: Promise<Answer> }>,
): Promise<number> {
  const { knex, schema, log, topics } = runtime
  const next = formatToken(keys, 'rt', { kid: keys.current, grant_id, generation: 2 })
  const fact = refreshed(2, { grant_id, client_id, kid: keys.current, scope: 'read' })
  const { answer } = await knex.transaction(async (blocking) => {
    // A slow machine may take longer than what a frozen process is given.
    await blocking.raw('SET LOCAL idle_in_transaction_session_timeout = 0')
    await blocking.raw(`LOCK ${schema}.grants IN SHARE ROW EXCLUSIVE MODE`)
    await log.append(outgoing(envelop(fact, ISSUER, { actor: 'system/test' }, Date.now()), topics))
    return work(next)
  })
  return (await answer).status
}
