import { createOpening } from '../../../shared/accounts/opening.ts'
import { readPersonKeys } from '../../../shared/accounts/person-keys.ts'
import { isSealed } from '../../../shared/ledger/user.ts'
import { ledgerIdOf } from '../../../shared/process/ledger-id.ts'
import { realTest } from '../../support/real-parts.ts'
import { startLedger, type Ledger } from '../ledger.ts'

const test = realTest('postgres')

/** What a process of the next release might set: members that this one knows nothing of. */
const LATER = { pronouns: 'she/her', address: { city: 'London' } }

async function userOfNextRelease({ user }: Ledger): Promise<string> {
  const personal = { username: 'ada', name: 'Ada', email: null, phone: '+44' }
  return user({ ...LATER, personal })
}

test('a member of the next release survives a write by this one, and is shown to nobody', async (t) => {
  const ledger = await startLedger(t)
  const { send, root: token } = ledger
  const sub = await userOfNextRelease(ledger)
  const path = `/admin/users/${sub}`
  const read = await send('GET', path, { token })
  t.deepEqual(Object.keys(read.body).sort(), ['email', 'enabled', 'groups', 'name', 'revision', 'sub', 'username'])

  const body = { ...read.body, name: 'Ada Lovelace' }
  t.is((await send('PUT', path, { token, body, headers: { 'if-match': '"1"' } })).status, 200)
  t.is((await send('POST', `${path}/revoke-all`, { token, body: { reason: 'lost' } })).status, 200)

  const personal = { username: 'ada', name: 'Ada Lovelace', email: null, phone: '+44' }
  const wanted = { sub, groups: [], enabled: true, ...LATER, personal }
  t.deepEqual((await usersIn(ledger)).slice(-2), [
    { type: 'UserPut', user: wanted },
    { type: 'UserGrantsRevoked', user: wanted },
  ])
})

/** What the log says of users, opened. */
async function usersIn({ runtime: { knex }, keys, events }: Ledger) {
  const opening = createOpening(keys, await ledgerIdOf(knex))
  const known = await readPersonKeys(knex)
  return (await events()).flatMap(({ type, data }) => {
    if (!('user' in data) || !isSealed(data.user)) return []
    const { username_index, ...user } = data.user
    const key = known.get(user.sub)
    const personal = typeof key === 'object' ? opening.open(data.user, key) : username_index
    return [{ type, user: { ...user, personal } }]
  })
}
