import { randomBytes } from 'node:crypto'
import { readPassword } from '../../../shared/accounts/passwords/passwords.ts'
import { ROOT, startLedger } from '../ledger.ts'
import { seeded } from '../../support/kept-logs.ts'
import { startLedger as startBeside } from '../../support/ledger.ts'
import { GOOD, login, LOGS_IN, person, WRONG } from '../../support/passwords.ts'
import { realTest } from '../../support/real-parts.ts'

const test = realTest('postgres')
const key = (kid: number) => `${kid}:${randomBytes(32).toString('base64')}`

test('a password is stored anew under the current key when its user logs in, and no key is retired that passwords need', async (t) => {
  const [one, two] = [key(1), key(2)]
  const ledger = await startLedger(t, { settings: { SECRETS_SYSTEM: `${one},${two}` } })
  const { sub, username } = await person(ledger, { password: GOOD })
  t.like(await readPassword(ledger.runtime.knex, sub), { hashed: { kid: 1 } })
  const rotated = await startBeside(t, {
    beside: ledger,
    services: ['token-endpoint', 'admin'],
    settings: { SECRETS_SYSTEM: `${two},${one}` },
  })
  const form = { grant_type: 'client_credentials' }
  const { body } = await rotated.post('/oauth2/token', form, { as: ROOT })
  const send = (method: string, path: string, sent?: object) =>
    rotated.admin.send(path, {
      method,
      headers: { authorization: `Bearer ${String(body['access_token'])}`, 'content-type': 'application/json' },
      ...(sent && { body: JSON.stringify(sent) }),
    })
  const renewed = await send('POST', '/admin/clients/root/secret', { overlap_seconds: 0 })
  seeded(String(renewed.body['client_secret']))
  t.is((await send('POST', '/admin/keys/1/revoke', {})).status, 200)
  t.like((await send('GET', '/admin/keys/1')).body, { passwords: 1, clients: [] })
  const refused = await send('POST', '/admin/keys/1/retire', {})
  t.is(refused.status, 409)
  t.regex(String(refused.body['error_description']), /1 passwords are stored under key 1/)
  const as = await rotated.client(LOGS_IN)
  t.deepEqual((await login(rotated, as, username, 'not this one')).body, WRONG)
  t.like(await readPassword(ledger.runtime.knex, sub), { hashed: { kid: 1 } }, 'a wrong one stores nothing')
  t.is((await login(rotated, as, username, GOOD)).status, 200)
  t.like(await readPassword(ledger.runtime.knex, sub), { hashed: { kid: 2 } })
  t.is((await login(rotated, as, username, GOOD)).status, 200)
  t.is((await login(ledger, as, username, GOOD)).status, 200, 'where the other key is first, too')
  t.like((await send('GET', '/admin/keys/1')).body, { passwords: 1 }, 'which stores it under its own again')
  t.is((await login(rotated, as, username, GOOD)).status, 200)
  const left = await send('POST', '/admin/keys/1/retire', {})
  t.notRegex(String(left.body['error_description']), /passwords/)
})
