import { ISSUER, sharedLedger, startLedger } from '../support/ledger.ts'
import { answerIn, titleOf } from '../support/cookie-jar.ts'
import { realTest } from '../support/real-parts.ts'
import { approve, ask, exchangeOf, logIn, scene } from './authorizing.ts'

const test = realTest('postgres')
const ledgerOfAll = sharedLedger()

test('a person logs in, allows it, and the application exchanges the code for tokens', async (t) => {
  const on = await scene(await ledgerOfAll())
  const login = await ask(on)
  t.is(titleOf(login.text), 'Log in')
  const consent = await logIn(on, login)
  t.is(titleOf(consent.text), 'Allow access?', consent.text)
  const answer = await approve(on, consent)
  t.is(answer.status, 303, answer.text)
  const sent = answerIn(answer)
  t.deepEqual([sent.get('state'), sent.get('iss')], ['the state', ISSUER])
  const { status, body } = await exchangeOf(on, sent.get('code'))
  t.is(status, 200)
  t.like(body, { token_type: 'Bearer', scope: 'read write' })
})

test('a consent page asks the database twice: for client and session in one statement, then for what was allowed', async (t) => {
  const on = await scene(await startLedger(t))
  await logIn(on, await ask(on))
  const asked: string[] = []
  const listen = ({ sql }: { sql: string }) => {
    if (/ledger\.sessions|\.clients c|\.scopes s/.test(sql)) asked.push(sql)
  }
  on.ledger.runtime.knex.on('query', listen)
  t.is(titleOf((await ask(on)).text), 'Allow access?')
  on.ledger.runtime.knex.off('query', listen)
  t.is(asked.length, 2)
})
