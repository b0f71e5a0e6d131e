// What a person meets who comes back to a page later: its time is over, or a part was away at the button.
import { requireKeys } from '../../shared/process/runtime.ts'
import { type FormPurpose, pack, unpack } from '../../shared/tokens/form-mac.ts'
import { answerIn, formOf, type Page, titleOf } from '../support/cookie-jar.ts'
import { sharedLedger, startLedger } from '../support/ledger.ts'
import { GOOD } from '../support/passwords.ts'
import { realTest } from '../support/real-parts.ts'
import { approve, ask, exchangeOf, logIn, type Scene, scene } from './authorizing.ts'

const test = realTest('postgres')
const ledgerOfAll = sharedLedger()

const DAY = 86_400

/** The same value of a form, as it was packed a day ago. */
function aDayAgo({ ledger }: Scene, page: Page, purpose: FormPurpose, field: string): Record<string, string> {
  const keys = requireKeys(ledger.runtime)
  const now = Math.floor(Date.now() / 1000)
  const packed = unpack(keys, purpose, formOf(page).fields[field] ?? '', now)
  if (!packed) throw new Error(`the page has no ${field}`)
  return { [field]: pack(keys, purpose, packed.value, { exp: now - DAY }) }
}

async function grantsOf({ ledger, as }: Scene): Promise<number> {
  const { knex, schema } = ledger.runtime
  return (await knex(`${schema}.grants`).where({ client_id: as.client_id })).length
}

test('traps-people 15: a login page that was open for a day begins again with one sentence and the name, and takes no password', async (t) => {
  const on = await scene(await ledgerOfAll())
  const page = await ask(on)
  const old = aDayAgo(on, page, 'onward', 'onward')
  const shown = await on.browser.send(page, { ...old, username: on.username, password: GOOD })
  t.is(titleOf(shown.text), 'Problem: Log in')
  t.is(shown.text.match(/role="alert"/g)?.length, 1)
  t.regex(shown.text, new RegExp(`name="username"[^>]*value="${on.username}"`))
  t.false(shown.text.includes(GOOD))
  t.is(titleOf((await ask(on)).text), 'Log in', 'nobody was logged in')
  t.is(answerIn(await approve(on, await logIn(on, shown))).get('state'), 'the state')
})

test('traps-people 15: a consent page that was open for a day is shown once more, and allows nothing by itself', async (t) => {
  const on = await scene(await ledgerOfAll())
  const page = await logIn(on, await ask(on))
  for (const decision of ['approve', 'deny']) {
    const shown = await on.browser.send(page, { ...aDayAgo(on, page, 'consent', 'consent'), decision })
    t.deepEqual([titleOf(shown.text), shown.location], ['Allow access?', null], decision)
    t.is(await grantsOf(on), 0)
    if (decision === 'deny') t.is(answerIn(await approve(on, shown)).get('state'), 'the state')
  }
})

/** How many grants the log knows; the registry's records have other keys. */
async function grantsInLog({ ledger }: Scene): Promise<number> {
  const { knex, topics } = ledger.runtime
  const [counted] = await knex('ledger.log_records').where({ topic: topics.grants }).countDistinct({ n: 'key' })
  return Number(counted?.['n'])
}

const AWAY = `
  CREATE FUNCTION public.away() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE 'the database system is shutting down' USING ERRCODE = '57P03'; END $$`

/** Where an approval is written, one after another: its own row, the log, the read model. */
const TABLES = ['ledger.approvals', 'ledger.log_records', 'READ_MODEL.grants']

test('a part that is away at Allow is 503 on a page, and the page before goes on to the client once it is back, with one grant', async (t) => {
  const on = await scene(await startLedger(t, { settings: { APPEND_TIMEOUT: '1' } }))
  const { knex, schema } = on.ledger.runtime
  await knex.raw(AWAY)
  for (const table of TABLES.map((name) => name.replace('READ_MODEL', schema))) {
    const page = await logIn(on, await ask(on, { prompt: 'login consent' }))
    const before = await grantsInLog(on)
    await knex.raw(`CREATE TRIGGER away BEFORE INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION public.away()`)
    const refused = await approve(on, page)
    t.is(refused.status, 503, table)
    t.truthy(refused.headers.get('retry-after'), table)
    t.regex(refused.headers.get('content-type') ?? '', /text\/html/)
    t.is(refused.location, null)
    await knex.raw(`DROP TRIGGER away ON ${table}`)
    const answer = await approve(on, page)
    t.is(answerIn(answer).get('state'), 'the state', table)
    t.is((await exchangeOf(on, answerIn(answer).get('code'))).status, 200, table)
    t.is(await grantsInLog(on), before + 1, table)
  }
})
