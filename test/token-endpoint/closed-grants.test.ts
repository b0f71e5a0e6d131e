import { refreshed } from '../ledger/given.ts'
import { refuses } from '../support/asserting.ts'
import { LIVES_S, type PastLedger, startPastLedger } from '../support/past-grants.ts'
import { realTest } from '../support/real-parts.ts'
import { refresh, typesOf } from '../support/refreshing.ts'
import { formatToken } from '../../shared/tokens/token-string.ts'

const test = realTest('postgres')

const HALF_AN_HOUR_S = 1_800
/** When a grant was issued (ms ago) that has been dead for so many seconds. */
const deadFor = (seconds: number) => (LIVES_S + seconds) * 1000
/** A slow machine may take some of these before it asks. */
const SLACK_S = 20

test('revoking a grant that has been dead for half an hour is a success that appends nothing; before, it is recorded', async (t) => {
  const ledger = await startPastLedger(t)
  const app = await ledger.client()
  const revoke = (token: string) => ledger.post('/oauth2/revoke', { token }, { as: app })
  const open = await ledger.issuedAgo(app, deadFor(HALF_AN_HOUR_S - SLACK_S))
  t.is((await revoke(open.refresh_token)).status, 200)
  t.deepEqual(await typesOf(ledger, open.grant_id), ['TokenIssued valid', 'TokenRevoked valid'])
  const closed = await ledger.issuedAgo(app, deadFor(HALF_AN_HOUR_S + 1))
  for (const token of [closed.refresh_token, closed.access_token]) {
    const { status, body } = await revoke(token)
    t.is(status, 200)
    t.deepEqual(body, {})
  }
  t.deepEqual(await typesOf(ledger, closed.grant_id), ['TokenIssued valid'])
})

test('a spent token of a grant that has been dead for half an hour is refused and not recorded; before, it is a reuse', async (t) => {
  const ledger = await startPastLedger(t)
  const app = await ledger.client({ refresh_grace_seconds: 0 })
  const open = await refreshedOnce(ledger, app, deadFor(HALF_AN_HOUR_S - SLACK_S))
  refuses(t, await refresh(ledger, app, open.refresh_token), [400, 'invalid_grant'])
  t.deepEqual(await typesOf(ledger, open.grant_id), [
    'TokenIssued valid',
    'TokenRefreshed valid',
    'TokenReuseDetected valid',
  ])
  const closed = await refreshedOnce(ledger, app, deadFor(HALF_AN_HOUR_S + 1))
  refuses(t, await refresh(ledger, app, closed.refresh_token), [400, 'invalid_grant'])
  t.deepEqual(await typesOf(ledger, closed.grant_id), ['TokenIssued valid', 'TokenRefreshed valid'])
})

async function refreshedOnce(ledger: PastLedger, app: Parameters<PastLedger['issuedAgo']>[0], ago: number) {
  const pair = await ledger.issuedAgo(app, ago + 1_000)
  const whose = { grant_id: pair.grant_id, client_id: app.client_id }
  await ledger.tell(refreshed(2, { ...whose, access_token_lifetime: 60 }), ago)
  return pair
}

test('an older access token that outlives all that is newer keeps its grant open: a revocation ends it', async (t) => {
  const ledger = await startPastLedger(t)
  const app = await ledger.client()
  const ago = deadFor(4 * HALF_AN_HOUR_S)
  const limited = { lifetime: LIVES_S, absolute_lifetime: null, limit: 1 }
  const pair = await ledger.issuedAgo(app, ago, { access_token_lifetime: 86_400, refresh: limited })
  const whose = { grant_id: pair.grant_id, client_id: app.client_id }
  await ledger.tell(refreshed(2, { ...whose, access_token_lifetime: 60 }), ago - 1_000)
  t.true(await ledger.isActive(pair.access_token))
  const token = formatToken(ledger.keys, 'rt', { kid: 1, grant_id: pair.grant_id, generation: 2 })
  t.is((await ledger.post('/oauth2/revoke', { token }, { as: app })).status, 200)
  t.false(await ledger.isActive(pair.access_token))
})
