import { newKey, signerOf } from '../../support/assertions.ts'
import { refuses } from '../../support/asserting.ts'
import { seeded } from '../../support/kept-logs.ts'
import { realTest } from '../../support/real-parts.ts'
import { startLedger } from '../ledger.ts'

const test = realTest('postgres')
const OWN = { grant_type: 'client_credentials' }

test('a client of private_key_jwt is registered with its keys, has no secret, and proves itself by them', async (t) => {
  const { send, root: token, post } = await startLedger(t)
  const key = await newKey()
  const body = {
    client_name: 'Signer',
    token_endpoint_auth_method: 'private_key_jwt',
    grant_types: ['client_credentials'],
    jwks: { keys: [key.jwk] },
  }
  const headers = { 'idempotency-key': '"once"' }
  const made = await send('POST', '/admin/clients', { token, body, headers })
  t.is(made.status, 201)
  t.false('client_secret' in made.body || 'client_secret_expires_at' in made.body)
  t.deepEqual((await send('POST', '/admin/clients', { token, body, headers })).body, made.body, 'repeated')
  const client_id = String(made.body['client_id'])
  const app = signerOf(client_id, key)
  t.is((await post('/oauth2/token', { ...OWN, ...(await app.proof()) })).status, 200)
  const path = `/admin/clients/${client_id}`
  refuses(t, await send('POST', `${path}/secret`, { token, body: {} }), [400, 'invalid_request'])
  const patch = (change: object) => send('PATCH', path, { token, body: change, headers: { 'if-match': '*' } })
  refuses(t, await patch({ jwks: null }), [400, 'invalid_client_metadata'])
  refuses(t, await patch({ jwks: { keys: [] } }), [400, 'invalid_client_metadata'])
  t.is((await patch({ token_endpoint_auth_method: 'client_secret_basic' })).status, 200)
  refuses(t, await post('/oauth2/token', { ...OWN, ...(await app.proof()) }), [401, 'invalid_client'])
  const renewed = await send('POST', `${path}/secret`, { token, body: {} })
  const as = { client_id, client_secret: String(renewed.body['client_secret']) }
  seeded(as.client_secret)
  t.is((await post('/oauth2/token', OWN, { as })).status, 200)
  t.is((await patch({ token_endpoint_auth_method: 'private_key_jwt' })).status, 200)
  refuses(t, await post('/oauth2/token', OWN, { as }), [401, 'invalid_client'])
  t.is((await post('/oauth2/token', { ...OWN, ...(await app.proof()) })).status, 200)
})
