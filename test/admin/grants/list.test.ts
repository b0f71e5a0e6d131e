import { randomBytes } from 'node:crypto'
import { v7 as uuidv7 } from 'uuid'
import { NO_VIEW } from '../../../shared/read-model/commit/commit.ts'
import { formatToken } from '../../../shared/tokens/token-string.ts'
import { authorized } from '../../ledger/given.ts'
import * as support from '../../support/ledger.ts'
import { writeManyGrants } from '../../support/many-grants.ts'
import { realTest } from '../../support/real-parts.ts'
import { type Ledger, startLedger } from '../ledger.ts'

const test = realTest('postgres')

type Row = Record<string, unknown>

const SERVICES = ['token-endpoint', 'token-check', 'projector', 'admin'] as const
const [one, two] = [1, 2].map((kid) => `${kid}:${randomBytes(32).toString('base64')}`)

/** The pages of a list, from the first `Link` to the last. */
async function walk({ send, root: token, adminUrl }: Ledger, query: string): Promise<Row[][]> {
  const pages: Row[][] = []
  let next: string | null = `/admin/grants?${query}`
  while (next !== null) {
    const { status, body, headers } = await send('GET', next, { token })
    if (status !== 200) throw new Error(`${status} ${JSON.stringify(body)}`)
    pages.push(body['grants'] as Row[])
    next = /^<([^>]*)>; rel="next"$/.exec(headers.get('link') ?? '')?.[1]?.replace(adminUrl, '') ?? null
    if (pages.length > 100) throw new Error('it never ends')
  }
  return pages
}

async function ids(ledger: Ledger, query: string): Promise<unknown[]> {
  return (await walk(ledger, query)).flat().map((row) => row['grant_id'])
}

async function shownOf({ send, root: token }: Ledger, grant_id: string): Promise<Row> {
  return (await send('GET', `/admin/grants/${grant_id}`, { token })).body
}

/** A grant with a code that nobody has exchanged yet, and a token that it may give one day. */
async function withCode({ runtime, keys }: Ledger, client_id: string, sub: string, kid = 1) {
  const grant_id = uuidv7()
  const [bound] = await runtime.log.bounds([runtime.topics.registry])
  const whose = { grant_id, client_id, principal: { type: 'user' as const, id: sub }, kid, code_lifetime: 600 }
  const fact = authorized({ ...whose, registry_position: bound?.end ?? 0 })
  await runtime.commit(fact, { actor: 'system/test' }, NO_VIEW)
  return { grant_id, access_token: formatToken(keys, 'at', { kid, grant_id, generation: 1 }) }
}

test('the status of a grant is the effective one: live is what introspection calls active', async (t) => {
  const ledger = await startLedger(t, { services: SERVICES, settings: { SECRETS_SYSTEM: `${one},${two}` } })
  const { send, root: token, runtime } = ledger
  const post = async (path: string, body: object) => t.is((await send('POST', path, { token, body })).status, 200)
  const app = () => ledger.publicClient()
  const [shop, off, left, gone, brief] = [
    await app(),
    await app(),
    await app(),
    await app(),
    await ledger.publicClient({ access_token_lifetime: 1, refresh_token_limit: 0 }),
  ]
  const ada = await ledger.user()
  const given = async (to: typeof shop, sub = ada, kid = 1) => ledger.grant({ to, sub, kid })
  const [away, ill, fired] = [await ledger.user(), await ledger.user(), await ledger.user()]
  const cases: [status: string, reason: string | null, grant: { grant_id: string; access_token: string }][] = [
    ['live', null, await given(shop)],
    ['authorized', null, await withCode(ledger, shop.client_id, ada)],
    ['revoked', 'lost laptop', await given(shop)],
    ['expired', null, await given(brief)],
    ['disabled', 'client_disabled', await given(off)],
    ['disabled', 'user_disabled', await given(shop, ill)],
    ['disabled', 'user_disabled', await withCode(ledger, shop.client_id, ill)],
    ['ended', 'client_grants_revoked', await given(left)],
    ['ended', 'user_grants_revoked', await given(shop, away)],
    ['ended', 'client_deleted', await given(gone)],
    ['ended', 'user_deleted', await given(shop, fired)],
    ['ended', 'user_deleted', await withCode(ledger, shop.client_id, fired)],
    ['ended', 'key_retired', await given(shop, ada, 2)],
    ['ended', 'key_retired', await withCode(ledger, shop.client_id, ada, 2)],
  ]
  for (const [, , { grant_id, access_token }] of cases) {
    const before = (await shownOf(ledger, grant_id))['status']
    t.is(await ledger.isActive(access_token), before === 'live', String(before))
  }
  await post(`/admin/grants/${cases[2]?.[2].grant_id}/revoke`, { reason: 'lost laptop' })
  await post(`/admin/clients/${left.client_id}/revoke-all`, { reason: 'x' })
  await post(`/admin/users/${away}/revoke-all`, { reason: 'x' })
  await ledger.changeClient(off, { enabled: false })
  await ledger.user({ sub: ill, enabled: false })
  await ledger.deleteClient(gone)
  await ledger.deleteUser(fired)
  const { knex, schema } = runtime
  await knex.raw(`UPDATE ${schema}.keys SET deleted = true WHERE kid = 2`)
  while ((await shownOf(ledger, cases[3]?.[2].grant_id ?? ''))['status'] === 'live') continue

  const listed = new Map((await walk(ledger, 'limit=1000')).flat().map((row) => [row['grant_id'], row]))
  for (const [status, reason, { grant_id, access_token }] of cases) {
    t.like(listed.get(grant_id), { status, reason }, `${status} ${reason}`)
    t.is(await ledger.isActive(access_token), status === 'live', `${status} ${reason}`)
    t.true((await ids(ledger, `status=${status}`)).includes(grant_id))
    t.like(await shownOf(ledger, grant_id), listed.get(grant_id) ?? {})
  }
  const found = await Promise.all(
    [...new Set(cases.map(([status]) => status))].map((status) => ids(ledger, `status=${status}`)),
  )
  t.deepEqual(found.flat().sort(), [...listed.keys()].sort(), 'each grant has one status')
  await ledger.changeClient(off, { enabled: true })
  t.is((await shownOf(ledger, cases[4]?.[2].grant_id ?? ''))['status'], 'live', 'disabled is not dead')
})

test('grants are listed by client, by whose they are, by status and by grant type, and say where they were read', async (t) => {
  const ledger = await startLedger(t)
  const { send, root: token, runtime } = ledger
  const [shop, till] = [await ledger.client(), await ledger.client()]
  const [ada, bob] = [await ledger.user(), await ledger.user()]
  const grants = []
  for (const [to, sub] of [
    [shop, ada],
    [shop, bob],
    [till, ada],
    [till, bob],
  ] as const)
    grants.push((await ledger.grant({ to, sub })).grant_id)
  await ledger.post('/oauth2/token', { grant_type: 'client_credentials' }, { as: shop })
  const all = await ids(ledger, `client_id=${shop.client_id}`)
  const own = all[2]
  const first = { ...(await shownOf(ledger, String(grants[0]))) }
  await send('POST', `/admin/grants/${grants[0]}/revoke`, { token, body: { reason: 'x' } })
  t.deepEqual(all, [grants[0], grants[1], own])
  t.deepEqual(await ids(ledger, `sub=${ada}`), [grants[0], grants[2]])
  t.deepEqual(await ids(ledger, `sub=${shop.client_id}`), [own], "a client's own")
  t.deepEqual(await ids(ledger, `sub=${ada}&client_id=${till.client_id}`), [grants[2]])
  t.deepEqual(await ids(ledger, `sub=${ada}&status=revoked`), [grants[0]])
  t.deepEqual(await ids(ledger, `client_id=${shop.client_id}&status=live&limit=1`), [grants[1], own])
  t.deepEqual(await ids(ledger, `client_id=${shop.client_id}&grant_type=client_credentials`), [own])
  t.deepEqual(await ids(ledger, 'status=revoked'), [grants[0]])
  t.deepEqual(await walk(ledger, 'status=expired'), [[]])
  t.deepEqual(await walk(ledger, 'sub=nobody'), [[]])
  t.deepEqual(await walk(ledger, 'client_id=nobody'), [[]])

  const { at, iat, exp, refresh_exp, absolute_exp, grants_position, registry_position, read_at, ...rest } = first
  t.deepEqual(
    rest,
    {
      grant_id: grants[0],
      client_id: shop.client_id,
      sub: ada,
      principal_type: 'user',
      grant_type: 'administrator',
      scope: 'read write',
      status: 'live',
      reason: null,
      access_generation: 1,
      refresh_generation: 1,
      refreshes_left: null,
    },
    'and no token, hash or secret',
  )
  t.is(iat, Math.floor(Date.parse(String(at)) / 1000))
  t.is(exp, Number(iat) + 3600)
  t.true(Number(absolute_exp) > Number(refresh_exp) && Number(refresh_exp) > Number(exp))
  const { body } = await send('GET', '/admin/grants?limit=1', { token })
  const bounds = await runtime.log.bounds([runtime.topics.grants, runtime.topics.registry])
  const ends = (topic: string) => bounds.filter((one) => one.topic === topic).map(({ end }) => end)
  t.deepEqual(body['grants_positions'], ends(runtime.topics.grants))
  t.is(body['registry_position'], ends(runtime.topics.registry)[0])
  t.is(registry_position, ends(runtime.topics.registry)[0])
  t.true(Number(grants_position) > 0)
  for (const time of [read_at, body['read_at']]) t.true(Math.abs(Date.parse(String(time)) - Date.now()) < 60_000)
})

test('traps-running 3: walking grants in pages of any size gives each once, and no next behind the last', async (t) => {
  const ledger = await startLedger(t)
  const shop = await ledger.client()
  const sub = await ledger.user()
  const grants: unknown[] = []
  for (let n = 0; n < 6; n++) grants.push((await ledger.grant({ to: shop, sub })).grant_id)
  for (const filter of [`client_id=${shop.client_id}`, `sub=${sub}`, `sub=${sub}&status=live`])
    for (const [limit, sizes] of [
      [1, [1, 1, 1, 1, 1, 1]],
      [2, [2, 2, 2]],
      [4, [4, 2]],
      [6, [6]],
      [7, [6]],
    ] as const) {
      const pages = await walk(ledger, `${filter}&limit=${limit}`)
      t.deepEqual(
        pages.map((page) => page.length),
        [...sizes],
      )
      t.deepEqual(
        pages.flat().map((row) => row['grant_id']),
        grants,
      )
    }
})

test('where few of many grants are asked for a page looks at a thousand, may be empty, and leads on to all of them', async (t) => {
  const ledger = await startLedger(t)
  const till = await ledger.client()
  const first = await ledger.grant({ to: till })
  await ledger.client({ client_id: 'shop' })
  await ledger.user({ sub: 'ada' })
  await writeManyGrants(ledger.runtime, { live: 2_500 })
  const last = await ledger.grant({ to: till })
  await ledger.changeClient(till, { enabled: false })
  const pages = await walk(ledger, 'status=disabled')
  t.deepEqual(
    pages.flat().map((row) => row['grant_id']),
    [first.grant_id, last.grant_id],
  )
  t.true(pages.length > 2 && pages.length < 5, `${pages.length} pages`)
  t.is((await walk(ledger, 'status=disabled&client_id=shop')).flat().length, 0)
  const all = await walk(ledger, 'limit=1000')
  t.is(new Set(all.flat().map((row) => row['grant_id'])).size, 2_503, 'with the one of root')
  t.is((await walk(ledger, 'sub=ada&limit=1000')).length, 3)
})

test('a query of grants that is not known is refused by its name, and an id that there is not is not found', async (t) => {
  const { send, root: token } = await startLedger(t)
  const key = (...key: string[]) => Buffer.from(JSON.stringify(key)).toString('base64url')
  const wrong: [string, string][] = [
    ['limit=0', 'limit'],
    ['limit=1001', 'limit'],
    ['status=alive', 'status'],
    ['status=', 'status'],
    ['sub=', 'sub'],
    ['client_id=a,b', 'client_id'],
    ['client_id=a&client_id=b', 'client_id'],
    ['grant_type=', 'grant_type'],
    ['prefix=a', 'prefix'],
    [`after=${key('x')}`, 'after'],
    [`after=${key('01890a5d-ac96-774b-bcce-b302099a8057', 'b')}`, 'after'],
    ['after=01890a5d-ac96-774b-bcce-b302099a8057', 'after'],
  ]
  for (const [query, named] of wrong) {
    const { status, body } = await send('GET', `/admin/grants?${query}`, { token })
    t.is(status, 400, query)
    t.true(String(body['error_description']).includes(named), `${query}: ${String(body['error_description'])}`)
  }
  for (const id of ['01890a5d-ac96-774b-bcce-b302099a8057', uuidv7(), 'x', '01890A5D-AC96-774B-BCCE-B302099A8057'])
    t.is((await send('GET', `/admin/grants/${id}`, { token })).status, 404, id)
})

test('grants are shown to whoever has the right to them, and to nobody else', async (t) => {
  const ledger = await startLedger(t)
  const { grant_id } = await ledger.grant({ to: await ledger.client() })
  const clerk = await ledger.client({ scope: 'ledger.admin' })
  const { access_token } = (await ledger.post('/oauth2/token', { grant_type: 'client_credentials' }, { as: clerk }))
    .body
  for (const path of ['/admin/grants', `/admin/grants/${grant_id}`]) {
    t.is((await ledger.send('GET', path)).status, 401)
    t.is((await ledger.send('GET', path, { token: String(access_token) })).status, 403)
  }
})

test('W24 and W27: deleting the grant of one owner ends access and refresh, leaves other owners of the client alone, and shows in every process', async (t) => {
  const ledger = await startLedger(t, { services: SERVICES })
  const beside = await support.startLedger(t, { services: ['admin'], beside: ledger })
  const { send, root: token } = ledger
  const shop = await ledger.client()
  const [mine, hers] = [await ledger.grant({ to: shop }), await ledger.grant({ to: shop })]
  t.is((await send('POST', `/admin/grants/${mine.grant_id}/revoke`, { token, body: { reason: 'left' } })).status, 200)
  const { body } = await beside.admin.send(`/admin/grants?client_id=${shop.client_id}`, {
    headers: { authorization: `Bearer ${token}` },
  })
  t.deepEqual(
    (body['grants'] as Row[]).map(({ grant_id, status }) => [grant_id, status]),
    [
      [mine.grant_id, 'revoked'],
      [hers.grant_id, 'live'],
    ],
  )
  const refresh = ({ refresh_token }: typeof mine) =>
    ledger.post('/oauth2/token', { grant_type: 'refresh_token', refresh_token }, { as: shop })
  t.false(await ledger.isActive(mine.access_token))
  t.is((await refresh(mine)).status, 400)
  t.true(await ledger.isActive(hers.access_token))
  t.is((await refresh(hers)).status, 200)
})

test('revoke-all is one event however many grants there are, and the next list of another process shows them ended', async (t) => {
  const ledger = await startLedger(t)
  const beside = await support.startLedger(t, { services: ['admin'], beside: ledger })
  const { send, root: token } = ledger
  const shop = await ledger.client()
  for (const whose of ['clients', 'users'] as const) {
    const sub = await ledger.user()
    const grants = []
    for (let n = 0; n < 5; n++) grants.push((await ledger.grant({ to: shop, sub })).grant_id)
    const before = (await ledger.events()).length
    const id = whose === 'clients' ? shop.client_id : sub
    t.is((await send('POST', `/admin/${whose}/${id}/revoke-all`, { token, body: { reason: 'left' } })).status, 200)
    const query = `status=ended&${whose === 'clients' ? 'client_id' : 'sub'}=${id}`
    const { body } = await beside.admin.send(`/admin/grants?${query}`, {
      headers: { authorization: `Bearer ${token}` },
    })
    t.deepEqual(
      (body['grants'] as Row[]).map(({ grant_id }) => grant_id),
      grants,
    )
    const kind = whose === 'clients' ? 'client' : 'user'
    t.true((body['grants'] as Row[]).every(({ reason }) => reason === `${kind}_grants_revoked`))
    t.is((await ledger.events()).length, before + 1)
    const later = await ledger.grant({ to: shop, sub })
    t.is((await shownOf(ledger, later.grant_id))['status'], 'live')
  }
})

test('traps-running 8: a list of grants is refused while a partition stands still, and never empty', async (t) => {
  const ledger = await startLedger(t)
  const { send, root: token, runtime } = ledger
  const { grant_id } = await ledger.grant({ to: await ledger.client() })
  const { knex, schema, topics } = runtime
  const status = async (topic: string, word: string) =>
    void (await knex.raw(`UPDATE ${schema}.checkpoints SET status = ? WHERE topic = ? AND partition = 0`, [
      word,
      topic,
    ]))
  await status(topics.grants, 'stopped')
  const answer = await send('GET', '/admin/grants', { token })
  t.is(answer.status, 503)
  t.truthy(answer.headers.get('retry-after'))
  await status(topics.grants, 'ok')
  await knex.raw(`UPDATE ${schema}.grants SET registry_position = 1000 WHERE grant_id = ?`, [grant_id])
  for (const query of ['', '?status=expired', `?sub=nobody`])
    t.is((await send('GET', `/admin/grants${query}`, { token })).status, query === '?sub=nobody' ? 200 : 503, query)
})
