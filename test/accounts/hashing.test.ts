import { randomBytes } from 'node:crypto'
import test from 'ava'
import { createHashing } from '../../shared/accounts/passwords/hashing.ts'
import { createScrypt } from '../../shared/accounts/passwords/scrypt.ts'
import { deriveKeys } from '../../shared/tokens/keys.ts'

const PASSWORD = 'correct horse battery staple'
const scrypt = createScrypt({ patienceMs: 60_000 })
const newHashing = () => createHashing(deriveKeys([{ kid: 1, secret: randomBytes(32) }], 'a-ledger'), scrypt)

test('whoever has the table of passwords cannot try any without the secret of the ledger', async (t) => {
  const [ours, thiefs] = [newHashing(), newHashing()]
  const stored = await ours.hash(PASSWORD)
  t.true((await ours.verify(PASSWORD, stored)).right)
  t.false((await thiefs.verify(PASSWORD, stored)).right)
  t.notDeepEqual(stored.hash, await scrypt(PASSWORD, stored.salt, stored.cost))
})

test('the same password is never stored twice as the same bytes', async (t) => {
  const { hash } = newHashing()
  const [one, other] = await Promise.all([hash(PASSWORD), hash(PASSWORD)])
  t.notDeepEqual(one.salt, other.salt)
  t.notDeepEqual(one.hash, other.hash)
})
