import { randomBytes } from 'node:crypto'
import type { ExecutionContext } from 'ava'
import { createPeople } from '../../shared/accounts/people.ts'
import { forgetSql, PersonForgotten } from '../../shared/accounts/person-keys.ts'
import { OperatorError } from '../../shared/config/operator-error.ts'
import type { PlainUser } from '../../shared/ledger/user.ts'
import { deriveKeys, formatProjectSecrets, parseProjectSecrets, parseSecrets } from '../../shared/tokens/keys.ts'
import { realTest } from '../support/real-parts.ts'
import { postgresLedger } from '../support/written-ledger.ts'

const test = realTest('postgres')
const ledger_id = '0198c0de-0000-7000-8000-000000000001'
const [one, two] = [randomBytes(32).toString('base64'), randomBytes(32).toString('base64')]
const keysOf = (text: string) => deriveKeys(parseSecrets(text), ledger_id)

const ADA: PlainUser = {
  sub: 'a',
  groups: ['Staff'],
  enabled: true,
  personal: { username: 'Ada', name: 'Ada Lovelace', email: 'ada@people.example' },
}

async function people(t: ExecutionContext) {
  const { knex } = await postgresLedger(t)
  const withKeys = (text: string) => createPeople({ knex, keys: keysOf(text), ledger_id })
  return { knex, withKeys, own: withKeys(`1:${one}`) }
}

test('what is sealed is revealed by the subkey of persons alone, and to another process as well', async (t) => {
  const { knex, own, withKeys } = await people(t)
  const sealed = await own.seal(ADA)
  t.like(sealed, { sub: 'a', groups: ['Staff'], enabled: true, username_index: await own.indexOf('aDA') })
  t.false(JSON.stringify(sealed).includes('Ada'))
  const keys = parseProjectSecrets(formatProjectSecrets(keysOf(`1:${one}`)))
  const projector = createPeople({ knex, keys, ledger_id })
  for (const each of [own, projector, withKeys(`2:${two},1:${one}`)])
    t.deepEqual((await each.reveal([sealed])).get('a'), ADA.personal)
})

test('two processes that write at once have one key for a person, and one index of names', async (t) => {
  const { own, withKeys } = await people(t)
  const sealed = await Promise.all(Array.from({ length: 10 }, () => withKeys(`1:${one}`).seal(ADA)))
  t.is(new Set(sealed.map(({ personal }) => personal.key_id)).size, 1)
  t.is(new Set(sealed.map(({ username_index }) => username_index)).size, 1)
  for (const user of sealed) t.deepEqual((await own.reveal([user])).get('a'), ADA.personal)
})

test('traps-running 18: whoever is forgotten never gets a key again, and what was sealed before reads as forgotten', async (t) => {
  const { knex, own } = await people(t)
  const sealed = await own.seal(ADA)
  const forget = () => knex.raw(forgetSql('(SELECT unnest(?::text[]) AS sub) AS f'), [['a', 'never-seen']])
  await forget()
  await forget()
  t.is((await own.reveal([sealed])).get('a'), 'forgotten')
  await t.throwsAsync(own.seal(ADA), { instanceOf: PersonForgotten })
  await t.throwsAsync(own.seal({ ...ADA, sub: 'never-seen' }), { instanceOf: PersonForgotten })
  const { rows } = await knex.raw<{ rows: unknown[] }>('SELECT * FROM ledger.persons WHERE wrapped IS NOT NULL')
  t.deepEqual(rows, [])
})

test('a lost key is unreadable, until the person is written again; another key never opens it', async (t) => {
  const { knex, own } = await people(t)
  const sealed = await own.seal(ADA)
  await knex.raw('DELETE FROM ledger.persons')
  t.is((await own.reveal([sealed])).get('a'), 'unreadable')
  const again = await own.seal(ADA)
  t.is((await own.reveal([sealed])).get('a'), 'unreadable')
  t.deepEqual((await own.reveal([again])).get('a'), ADA.personal)
  t.is(again.username_index, sealed.username_index)
  t.is((await own.reveal([{ ...again, sub: 'b' }])).get('b'), 'unreadable')
})

test('a key under a kid that is not here, or no key at all, is an error that names what lacks, not a name that is gone', async (t) => {
  const { knex, own, withKeys } = await people(t)
  const sealed = await own.seal(ADA)
  const lacks = {
    instanceOf: OperatorError,
    message: /under key 1, which this process does not have.*LEDGER_SECRETS_PROJECT/,
  }
  await t.throwsAsync(withKeys(`2:${two}`).reveal([sealed]), lacks)
  const none = createPeople({ knex, keys: null, ledger_id })
  await t.throwsAsync(none.reveal([sealed]), { instanceOf: OperatorError, message: /LEDGER_SECRETS_PROJECT/ })
  t.deepEqual(await none.reveal([]), new Map())
})

test('a member that only a later release knows is kept sealed', async (t) => {
  const { own } = await people(t)
  const later = { ...ADA, personal: { ...ADA.personal, phone: '+44' } }
  const sealed = await own.seal(await own.seal(later).then(() => later))
  const changed = await own.seal({ ...ADA, personal: { ...ADA.personal, name: 'Ada King' } }, sealed)
  t.deepEqual((await own.reveal([changed])).get('a'), { ...ADA.personal, name: 'Ada King' })
  t.true(
    Buffer.from(changed.personal.data, 'base64url').length >
      Buffer.from((await own.seal(ADA)).personal.data, 'base64url').length,
  )
})
