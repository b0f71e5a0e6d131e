import { verifyClientSecret } from '../../../shared/tokens/client-secret.ts'
import { realTest } from '../../support/real-parts.ts'
import { seeded } from '../../support/kept-logs.ts'
import { until } from '../../support/waiting.ts'
import { startLedger } from '../ledger.ts'

const test = realTest('postgres')

async function withClient(t: Parameters<typeof startLedger>[0]) {
  const ledger = await startLedger(t)
  const { send, root: token, register, post } = ledger
  const shop = await register({ client_name: 'Shop', grant_types: ['client_credentials'] })
  const path = `/admin/clients/${shop.client_id}`
  const renew = async (body: unknown) => {
    const answer = await send('POST', `${path}/secret`, { token, body })
    const secret = String(answer.body['client_secret'])
    seeded(secret)
    return { ...answer, secret }
  }
  /** Which of these secrets let the client in. */
  const lets = async (...secrets: string[]) => {
    const answers = secrets.map((client_secret) =>
      post('/oauth2/token', { grant_type: 'client_credentials' }, { as: { ...shop, client_secret } }),
    )
    return (await Promise.all(answers)).map(({ status }) => status === 200)
  }
  const now = async () => {
    const { rows } = await ledger.runtime.knex.raw<{ rows: { now: number }[] }>(
      'SELECT extract(epoch FROM clock_timestamp())::float8 AS now',
    )
    return rows[0]?.now ?? 0
  }
  return { ...ledger, first: shop.client_secret, path, renew, lets, now }
}

test('traps-running 11: the secret of before is valid for the overlap, and ends by itself', async (t) => {
  const { first, renew, lets, now, path, send, root: token } = await withClient(t)
  const started = await now()
  const { status, secret, body, headers } = await renew({ overlap_seconds: 3 })
  t.is(status, 200)
  t.regex(secret, /^[\w-]{43}$/)
  t.not(secret, first)
  t.is(body['client_secret_expires_at'], 0)
  t.is(headers.get('etag'), '"2"')
  t.is(headers.get('cache-control'), 'no-store')
  const ends = Number(body['previous_secret_expires_at'])
  t.true(ends >= started + 3 && ends <= (await now()) + 4, 'at least the overlap, in whole seconds')
  t.deepEqual(await lets(secret, first, `${first}x`), [true, true, false])
  const read = await send('GET', path, { token })
  t.false('client_secret' in read.body, 'it stands in the one answer')
  await until(async () => (await now()) > ends, 'the end of the overlap')
  t.deepEqual(await lets(secret, first), [true, false])
})

test('traps-running 11: with an overlap of 0 the secret of before ends at once; a day is the default, 30 the most', async (t) => {
  const { first, renew, lets, now } = await withClient(t)
  const second = await renew({ overlap_seconds: 0 })
  t.false('previous_secret_expires_at' in second.body)
  t.deepEqual(await lets(second.secret, first), [true, false])
  const third = await renew({})
  t.true(Math.abs(Number(third.body['previous_secret_expires_at']) - (await now()) - 86_400) < 60)
  for (const overlap_seconds of [-1, 2_592_001, 1.5, '60', null]) {
    const { status, body } = await renew({ overlap_seconds })
    t.is(status, 400)
    t.regex(String(body['error_description']), /overlap_seconds/)
  }
  t.regex(String((await renew({ ends: 'both' })).body['error_description']), /ends/)
  t.regex(String((await renew({ secret: 'of mine' })).body['error_description']), /secret/)
  t.deepEqual(await lets(third.secret, second.secret), [true, true])
})

test('traps-running 11: a second renewal within the overlap is 409 unless it says which secret ends', async (t) => {
  const { first, renew, lets, events } = await withClient(t)
  const second = await renew({ overlap_seconds: 3600 })
  const before = (await events()).length
  const twice = await renew({ overlap_seconds: 3600 })
  t.is(twice.status, 409)
  t.regex(String(twice.body['error_description']), /ends/)
  t.is((await events()).length, before)
  t.deepEqual(await lets(first, second.secret), [true, true], 'the one in use and the new one')

  const third = await renew({ overlap_seconds: 3600, ends: 'current' })
  t.deepEqual(await lets(first, second.secret, third.secret), [true, false, true])
  const fourth = await renew({ overlap_seconds: 3600, ends: 'previous' })
  t.deepEqual(await lets(first, third.secret, fourth.secret), [false, true, true])
  const fifth = await renew({ overlap_seconds: 0 })
  t.deepEqual(await lets(third.secret, fourth.secret, fifth.secret), [false, false, true], '0 ends both')
})

test('two renewals at once give one secret; a public client has none to renew, nor has one that is not there', async (t) => {
  const { first, renew, lets, send, root: token, register } = await withClient(t)
  const answers = await Promise.all([renew({}), renew({}), renew({})])
  const [won, ...others] = answers.toSorted((a, b) => a.status - b.status)
  t.is(won?.status, 200)
  for (const { status } of others) t.true(status === 409 || status === 412)
  t.deepEqual(await lets(first, won?.secret ?? ''), [true, true])
  const { client_id } = await register({ client_name: 'App', client_type: 'public' })
  t.is((await send('POST', `/admin/clients/${client_id}/secret`, { token, body: {} })).status, 400)
  t.is((await send('POST', '/admin/clients/none/secret', { token, body: {} })).status, 404)
})

test('a renewal takes the revision that it is to follow', async (t) => {
  const { path, send, root: token } = await withClient(t)
  const renew = (etag: string) =>
    send('POST', `${path}/secret`, { token, body: { overlap_seconds: 0 }, headers: { 'if-match': etag } })
  t.is((await renew('"2"')).status, 412)
  t.is((await renew('W/"1"')).status, 200)
})

test('the log holds what each secret is proven by, and neither of them', async (t) => {
  const { renew, first, events, keys } = await withClient(t)
  const { secret } = await renew({ overlap_seconds: 3600 })
  const renewal = (await events()).find(({ type }) => type === 'ClientSecretRenewed')
  if (renewal?.type !== 'ClientSecretRenewed') return t.fail()
  const { client } = renewal.data
  t.true(verifyClientSecret(keys, secret, client.secret))
  t.true(verifyClientSecret(keys, first, client.previous_secret ?? null))
  t.false(JSON.stringify(renewal).includes(secret) || JSON.stringify(renewal).includes(first))
})
