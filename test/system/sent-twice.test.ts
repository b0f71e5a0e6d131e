import type { ExecutionContext } from 'ava'
import { startLedger, type Ledger } from '../admin/ledger.ts'
import { realTest } from '../support/real-parts.ts'
import type { Answer } from '../support/requests.ts'
import { type KafkaCluster, startKafka } from '../support/start-kafka.ts'
import { until } from '../support/waiting.ts'
import { onceForFile } from './once-for-file.ts'

const real = realTest('kafka', 'postgres')

/** What is logged when a send got no answer in time (2 s): it is sent again, and the frozen broker then has both. */
const SENT_AGAIN = 'a send to Kafka failed, its partition is sent alone'

const parts = onceForFile(async (t) => {
  const kafka = await startKafka()
  t.teardown(() => kafka.stop())
  return { kafka, ledger: await startLedger(t, { brokers: kafka.brokers }) }
})

/**
 * The answer to a write during which the broker freezes; the log then holds its event twice. Which copy is acknowledged
 * is up to the broker: mostly the second.
 */
async function frozenDuring(
  t: ExecutionContext,
  { kafka, ledger }: { kafka: KafkaCluster; ledger: Ledger },
  write: () => Promise<Answer>,
): Promise<Answer> {
  const sentAgain = () => ledger.lines.filter(({ msg }) => msg === SENT_AGAIN).length
  const [before, failed] = [(await ledger.events()).length, sentAgain()]
  await kafka.pause()
  const answering = write()
  await until(() => sentAgain() > failed, 'a send that is given up').finally(() => kafka.resume())
  const answer = await answering
  await until(async () => (await ledger.events()).length > before + 1, 'both copies')
  const appended = (await ledger.events()).slice(before).map(({ id }) => id)
  t.deepEqual(appended, [appended[0], appended[0]], 'the log holds the event twice')
  return answer
}

real.serial('a scope that is put while the broker freezes is created, and then changed', async (t) => {
  const { kafka, ledger } = await parts()
  const { send, root: token } = ledger
  const put = (description: string, headers: Record<string, string>) =>
    frozenDuring(t, { kafka, ledger }, () =>
      send('PUT', '/admin/scopes/read', { token, body: { description }, headers }),
    )
  t.is((await put('first', { 'if-none-match': '*' })).status, 201)
  const changed = await put('second', { 'if-match': '"1"' })
  t.deepEqual([changed.status, changed.headers.get('etag'), changed.body['description']], [200, '"2"', 'second'])
})

real.serial('a client that is registered while the broker freezes is told its secret, which works', async (t) => {
  const { kafka, ledger } = await parts()
  const body = { client_name: 'Shop', grant_types: ['client_credentials'] }
  const made = await frozenDuring(t, { kafka, ledger }, () =>
    ledger.send('POST', '/admin/clients', { token: ledger.root, body }),
  )
  t.is(made.status, 201)
  const [client_id, client_secret] = [String(made.body['client_id']), String(made.body['client_secret'])]
  t.true((await ledger.tokenOf({ client_id, client_secret })).startsWith('tl_at_'))
})

real.serial('revoke-all while the broker freezes is answered as done, and ends what there was', async (t) => {
  const { kafka, ledger } = await parts()
  const as = await ledger.client()
  const { refresh_token } = await ledger.grant({ to: as })
  const path = `/admin/clients/${as.client_id}/revoke-all`
  const ended = await frozenDuring(t, { kafka, ledger }, () =>
    ledger.send('POST', path, { token: ledger.root, body: { reason: 'left' } }),
  )
  t.is(ended.status, 200)
  const refused = await ledger.post('/oauth2/token', { grant_type: 'refresh_token', refresh_token }, { as })
  t.deepEqual([refused.status, refused.body['error']], [400, 'invalid_grant'])
})

real.serial('a user who is enabled while the broker freezes is enabled', async (t) => {
  const { kafka, ledger } = await parts()
  const user = { username: 'ada', enabled: false }
  await ledger.make('/admin/users/ada', user)
  const body = { ...user, enabled: true }
  const answer = await frozenDuring(t, { kafka, ledger }, () =>
    ledger.send('PUT', '/admin/users/ada', { token: ledger.root, body, headers: { 'if-match': '"1"' } }),
  )
  t.deepEqual([answer.status, answer.body['enabled']], [200, true])
})
