import { randomUUID } from 'node:crypto'
import { claimRequest, KEPT_HOURS } from '../../../shared/accounts/idempotent-requests.ts'
import { realTest } from '../../support/real-parts.ts'
import { seeded } from '../../support/kept-logs.ts'
import type { Answer } from '../../support/requests.ts'
import * as support from '../../support/ledger.ts'
import { startLedger, type Ledger } from '../ledger.ts'

const test = realTest('postgres')

const SHOP = { client_name: 'Shop', grant_types: ['client_credentials'] }

function posting({ send, root }: Ledger, path: string) {
  return async (key: string, body: unknown, token = root): Promise<Answer> => {
    const answer = await send('POST', path, { token, body, headers: { 'idempotency-key': key } })
    seeded(String(answer.body['client_secret']))
    return answer
  }
}

async function withAdministrators(t: Parameters<typeof startLedger>[0]) {
  const ledger = await startLedger(t)
  const { register, tokenOf } = ledger
  const second = await register({
    client_name: 'second',
    grant_types: ['client_credentials'],
    groups: ['Administrators'],
    scope: 'ledger.admin',
  })
  return { ...ledger, create: posting(ledger, '/admin/clients'), second: await tokenOf(second) }
}

async function registrations({ events }: Pick<Ledger, 'events'>): Promise<string[]> {
  return (await events()).flatMap((event) =>
    event.type === 'ClientRegistered' && event.data.client.client_name === 'Shop' ? [event.subject] : [],
  )
}

test('traps-running 7: a lost answer to "create client" is given again: the same client, the same secret', async (t) => {
  const ledger = await withAdministrators(t)
  const { create, tokenOf, events } = ledger
  const key = `"${randomUUID()}"`
  const first = await create(key, SHOP)
  t.is(first.status, 201)
  const length = (await events()).length
  for (const same of [key, key.replaceAll('"', '')]) {
    const again = await create(same, SHOP)
    t.deepEqual([again.status, again.body], [201, first.body])
    t.is(again.headers.get('location'), first.headers.get('location'))
  }
  t.is((await events()).length, length, 'nothing was appended')
  const { client_id, client_secret } = first.body
  t.truthy(await tokenOf({ client_id: String(client_id), client_secret: String(client_secret) }))
  const other = await create(`"${randomUUID()}"`, { ...SHOP, client_version: '2' })
  t.not(other.body['client_secret'], client_secret)
})

test('traps-running 7: the same key with another body or for another route is 422', async (t) => {
  const ledger = await withAdministrators(t)
  const { create, events } = ledger
  const { body } = await create('k', SHOP)
  const length = (await events()).length
  const answers = [
    await create('k', { ...SHOP, client_version: '2' }),
    await posting(ledger, `/admin/clients/${String(body['client_id'])}/secret`)('k', SHOP),
  ]
  t.is(answers[0]?.status, 422)
  t.is(answers[1]?.status, 400, 'its body is looked at first')
  const renewed = await posting(ledger, `/admin/clients/${String(body['client_id'])}/secret`)('k', {})
  t.is(renewed.status, 422)
  t.is(renewed.body['error'], 'invalid_request')
  t.is((await events()).length, length)
})

test('traps-running 6: the key of another caller is another key, and what is kept lets nobody in', async (t) => {
  const { create, second, runtime, lines, events } = await withAdministrators(t)
  const mine = await create('shared key', SHOP)
  t.is(mine.status, 400, 'a bare key has no space')
  const [one, two] = [await create('"k"', SHOP), await create('"k"', { ...SHOP, client_version: '2' }, second)]
  t.deepEqual([one.status, two.status], [201, 201])
  t.not(one.body['client_id'], two.body['client_id'])
  t.not(one.body['client_secret'], two.body['client_secret'])
  const taken = await create('"k"', SHOP, second)
  t.is(taken.status, 422)
  t.false('client_secret' in taken.body)
  const { rows } = await runtime.knex.raw<{ rows: Record<string, unknown>[] }>('TABLE ledger.idempotent_requests')
  t.is(rows.length, 2)
  const kept = JSON.stringify([rows, lines, await events()])
  for (const { body } of [one, two]) t.false(kept.includes(String(body['client_secret'])))
  t.false(kept.includes('"k"'))
})

test('traps-running 7: ten equal requests at once on two processes make one client, and get its secret', async (t) => {
  const ledger = await withAdministrators(t)
  const beside = await support.startLedger(t, { beside: ledger, services: ['admin'] })
  const body = JSON.stringify(SHOP)
  const headers = {
    authorization: `Bearer ${ledger.root}`,
    'content-type': 'application/json',
    'idempotency-key': `"${randomUUID()}"`,
  }
  const requests = Array.from({ length: 10 }, (_, n) =>
    (n % 2 === 0 ? ledger : beside).admin.send('/admin/clients', { method: 'POST', headers, body }),
  )
  const answers = await Promise.all(requests)
  for (const { body: client } of answers) seeded(String(client['client_secret']))
  t.deepEqual(new Set(answers.map(({ status }) => status)), new Set([201]))
  t.is(new Set(answers.map((answer) => JSON.stringify(answer.body))).size, 1)
  t.is(new Set(await registrations(ledger)).size, 1)
  const { client_id, client_secret } = answers[0]?.body ?? {}
  t.truthy(await ledger.tokenOf({ client_id: String(client_id), client_secret: String(client_secret) }))
})

test('traps-running 7: a process that died between row and append, or after it, leaves a key that still works', async (t) => {
  const ledger = await withAdministrators(t)
  const { create, runtime } = ledger
  const first = await create('"k"', SHOP)
  // As if it had died before the append: the row is there, the client is not.
  await runtime.knex.raw("UPDATE ledger.idempotent_requests SET id = '0198c0de-aaaa-7000-8000-000000000001'")
  const taken = await create('"k"', SHOP)
  t.is(taken.status, 409, 'its name is taken by then')
  const other = { ...SHOP, client_version: '2' }
  const request = { principal: 'client/root', key: 'l', route: 'POST /admin/clients', body: JSON.stringify(other) }
  const made = { id: '0198c0de-aaaa-7000-8000-000000000002', revision: 1, salt: 'random' }
  await claimRequest({ knex: runtime.knex, keys: ledger.keys }, request, made)
  const gone = await create('"l"', other)
  t.deepEqual([gone.status, gone.body['client_id']], [201, made.id])
  t.deepEqual((await create('"l"', other)).body, gone.body, 'after the append: the answer again')
  t.not(first.body['client_id'], gone.body['client_id'])
})

test('a row that was lost in a failover ends in 409 by the name that is taken', async (t) => {
  const { create, runtime, events } = await withAdministrators(t)
  await create('"k"', SHOP)
  await runtime.knex.raw('DELETE FROM ledger.idempotent_requests')
  const length = (await events()).length
  const { status, body } = await create('"k"', SHOP)
  t.deepEqual([status, body], [409, { error: 'conflict', error_description: 'this name is taken' }])
  t.is((await events()).length, length)
})

test(`a key stands for its request for ${KEPT_HOURS} hours, and is cleaned up in steps`, async (t) => {
  const { create, runtime } = await withAdministrators(t)
  const { knex } = runtime
  const age = (hours: number) =>
    knex.raw(`UPDATE ledger.idempotent_requests SET created_at = clock_timestamp() - interval '${hours} hours'`)
  const first = await create('"k"', SHOP)
  await age(KEPT_HOURS - 1)
  t.deepEqual((await create('"k"', SHOP)).body, first.body)
  await age(KEPT_HOURS)
  const other = await create('"k"', { ...SHOP, client_version: '2' })
  t.is(other.status, 201, 'it is a new key')
  t.not(other.body['client_id'], first.body['client_id'])
  await knex.raw(`
    INSERT INTO ledger.idempotent_requests (principal, key_sha256, route, kid, body_mac, id, revision, salt, created_at)
    SELECT 'client/x', sha256(n::text::bytea), 'r', 1, '', 'i', 1, '', clock_timestamp() - interval '25 hours'
      FROM generate_series(1, 250) n`)
  const left = async () =>
    (await knex.raw<{ rows: { n: number }[] }>('SELECT count(*)::int AS n FROM ledger.idempotent_requests')).rows[0]?.n
  t.is(await left(), 251)
  for (const [n, rows] of [152, 53, 4].entries()) {
    await create(`"new ${n}"`, { ...SHOP, client_version: `new ${n}` })
    t.is(await left(), rows)
  }
})

test('a renewal that is repeated gives the same secret again, and renews once', async (t) => {
  const ledger = await withAdministrators(t)
  const { create, events, send, root: token, tokenOf } = ledger
  const { body: client } = await create('"k"', SHOP)
  const client_id = String(client['client_id'])
  const path = `/admin/clients/${client_id}`
  const renew = posting(ledger, `${path}/secret`)
  const answers = await Promise.all(Array.from({ length: 6 }, () => renew('"r"', { overlap_seconds: 60 })))
  const [first] = answers
  t.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]))
  t.is(new Set(answers.map(({ body }) => body['client_secret'])).size, 1)
  const length = (await events()).length
  t.deepEqual((await renew('"r"', { overlap_seconds: 60 })).body, first?.body, 'no 409: it is the same renewal')
  t.is((await events()).length, length)
  t.truthy(await tokenOf({ client_id, client_secret: String(first?.body['client_secret']) }))
  t.is((await renew('"s"', { overlap_seconds: 60 })).status, 409, 'another renewal within the overlap')

  await send('PATCH', path, { token, body: { description: 'x' }, headers: { 'if-match': '*' } })
  const later = await renew('"r"', { overlap_seconds: 60 })
  t.is(later.body['client_secret'], first?.body['client_secret'], 'whatever else was changed since')
  const registered = await create('"k"', SHOP)
  t.is(registered.body['client_secret'], client['client_secret'])
  t.is(registered.body['client_secret_expires_at'], later.body['previous_secret_expires_at'], 'it is the one before')

  t.is((await renew('"z"', { overlap_seconds: 0 })).status, 200)
  t.is((await renew('"r"', { overlap_seconds: 60 })).status, 409, 'its secret has ended')
  t.is((await create('"k"', SHOP)).status, 409)
  t.is((await send('DELETE', path, { token, headers: { 'if-match': '*' } })).status, 200)
  t.is((await create('"k"', SHOP)).status, 409)
  t.is((await renew('"r"', { overlap_seconds: 60 })).status, 404)
})

test('a repeat that another key has made meanwhile is told so, and does not renew', async (t) => {
  const ledger = await withAdministrators(t)
  const { create, events, second, runtime } = ledger
  const { body: client } = await create('"k"', SHOP)
  const renew = posting(ledger, `/admin/clients/${String(client['client_id'])}/secret`)
  t.is((await renew('"r"', {})).status, 200)
  // Of another caller, who was to make the same revision and came too late.
  await runtime.knex.raw(`
    INSERT INTO ledger.idempotent_requests (principal, key_sha256, route, kid, body_mac, id, revision, salt)
    SELECT 'client/' || (SELECT client_id FROM ${runtime.schema}.clients WHERE client_name = 'second'),
           key_sha256, route, kid, body_mac, id, revision, salt FROM ledger.idempotent_requests WHERE route LIKE '%/secret'`)
  const length = (await events()).length
  const { status, body } = await renew('"r"', {}, second)
  t.is(status, 409)
  t.false('client_secret' in body)
  t.is((await events()).length, length)
})

test('a public client is made once as well, and a key is one string', async (t) => {
  const { create, events } = await withAdministrators(t)
  const app = { client_name: 'App', client_type: 'public' }
  const first = await create('"k"', app)
  t.deepEqual((await create('"k"', app)).body, first.body)
  t.false('client_secret' in first.body)
  const length = (await events()).length
  for (const key of ['', '""', '"a', 'a"', '"a", "b"', 'a b', `"${'x'.repeat(256)}"`, '"\\"']) {
    const { status, body } = await create(key, { client_name: 'Other' })
    t.is(status, 400, key)
    t.regex(String(body['error_description']), /Idempotency-Key/)
  }
  t.is((await events()).length, length)
})
