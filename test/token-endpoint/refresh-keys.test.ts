import { randomBytes } from 'node:crypto'
import { formatToken } from '../../shared/tokens/token-string.ts'
import { realTest } from '../support/real-parts.ts'
import { startLedger } from '../support/ledger.ts'
import { refresh } from '../support/refreshing.ts'

const test = realTest('postgres')
const one = `1:${randomBytes(32).toString('base64')}`
const two = `2:${randomBytes(32).toString('base64')}`

test('a key is rotated while tokens are in use: nobody notices, and new tokens are made with the new one', async (t) => {
  const before = await startLedger(t, { settings: { SECRETS_SYSTEM: one } })
  const app = await before.client()
  const first = await before.grant({ to: app })
  const idle = await before.grant({ to: app })
  const { body: lost } = await refresh(before, app, first.refresh_token)
  await before.stop()

  const after = await startLedger(t, { beside: before, settings: { SECRETS_SYSTEM: `${two},${one}` } })
  t.true(await after.isActive(first.access_token))
  const { body: retried } = await refresh(after, app, first.refresh_token)
  t.is(retried['access_token'], lost['access_token'], 'the retry of a pair made with the old key')
  const { status, body } = await refresh(after, app, lost['refresh_token'])
  t.is(status, 200)
  t.is(body['access_token'], formatToken(after.keys, 'at', { kid: 2, grant_id: first.grant_id, generation: 3 }))
  t.is((await after.eventsOf(first.grant_id)).at(-1)?.data['kid'], 2)
  t.true(await after.isActive(String(lost['access_token'])), 'made with the old key')
  t.is((await refresh(after, app, lost['refresh_token'])).body['access_token'], body['access_token'])
  t.is((await refresh(after, app, body['refresh_token'])).status, 200)
  await after.stop()

  const without = { beside: before, settings: { SECRETS_SYSTEM: two } }
  const { message } = await t.throwsAsync(
    startLedger(t, without),
    { name: 'OperatorError', message: /is not sound/ },
    'a live grant needs the old key',
  )
  t.regex(message, /live grants need key 1/)
  const again = await startLedger(t, { beside: after })
  t.is((await refresh(again, app, idle.refresh_token)).status, 200)
})

test('a token made with a key that its generation was not made with is refused, and the grant lives', async (t) => {
  const ledger = await startLedger(t, { settings: { SECRETS_SYSTEM: `${one},${two}` } })
  const app = await ledger.client()
  const { grant_id, refresh_token } = await ledger.grant({ to: app })
  const other = { kid: 2, grant_id, generation: 1 }
  const { status, body } = await refresh(ledger, app, formatToken(ledger.keys, 'rt', other))
  t.deepEqual([status, body['error']], [400, 'invalid_grant'])
  t.false(await ledger.isActive(formatToken(ledger.keys, 'at', other)))
  t.is((await ledger.eventsOf(grant_id)).length, 1)
  t.is((await refresh(ledger, app, refresh_token)).status, 200)
  const spent = await refresh(ledger, app, formatToken(ledger.keys, 'rt', other))
  t.deepEqual([spent.status, spent.body['error']], [400, 'invalid_grant'], 'spent, too')
  t.is((await ledger.eventsOf(grant_id)).length, 2)
})
