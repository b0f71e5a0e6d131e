import { randomBytes, randomUUID } from 'node:crypto'
import { forgetSql, personKeyFor, readKeysAsOf, replaceKey } from '../../shared/accounts/person-keys.ts'
import { realTest } from '../support/real-parts.ts'
import { postgresLedger } from '../support/written-ledger.ts'

const test = realTest('postgres')

const make = () => ({ kid: 1, wrapped: randomBytes(60) })

test('traps-running 18: whatever takes a key away makes another version of the keys, and nothing else does', async (t) => {
  const { knex } = await postgresLedger(t)
  const version = async () => (await readKeysAsOf(knex, [])).version
  const renewed = async (work: () => Promise<unknown>) => {
    const before = await version()
    await work()
    return (await version()) !== before
  }
  t.truthy(await version())
  for (const sub of ['a', 'b', 'c']) t.false(await renewed(() => personKeyFor(knex, sub, make)), 'a key that is made')
  t.false(await renewed(async () => knex.raw('UPDATE ledger.persons SET kid = 2, wrapped = ?', [make().wrapped])))
  const { keys } = await readKeysAsOf(knex, ['a', 'unknown'])
  t.deepEqual([...keys.keys()], ['a'])
  const lost = keys.get('a')
  if (!lost || lost === 'forgotten') return t.fail()
  t.true(await renewed(() => replaceKey(knex, 'a', { lost, make })), 'another key')
  t.true(await renewed(async () => knex.raw(forgetSql("(SELECT 'b' AS sub) AS f"))), 'forgotten')
  t.true(await renewed(async () => knex.raw("DELETE FROM ledger.persons WHERE sub = 'c'")), 'lost')
  t.true(await renewed(async () => knex.raw('UPDATE ledger.persons SET key_id = ? WHERE sub = ?', [randomUUID(), 'a'])))
  t.true(await renewed(async () => knex.raw('TRUNCATE ledger.persons')), 'all of them')
})
