import { refuses } from '../support/asserting.ts'
import { ISSUER, sharedLedger, startLedger } from '../support/ledger.ts'
import { realTest } from '../support/real-parts.ts'

const test = realTest('postgres')
const ledgerOfAll = sharedLedger()

test('the metadata lists what works here and nothing else', async (t) => {
  const { send } = await ledgerOfAll()
  const { status, headers, body } = await send('/.well-known/oauth-authorization-server')
  t.is(status, 200)
  t.is(headers.get('content-type'), 'application/json; charset=utf-8')
  const methods = ['client_secret_basic', 'client_secret_post', 'none']
  t.deepEqual(body, {
    issuer: ISSUER,
    token_endpoint: `${ISSUER}/oauth2/token`,
    revocation_endpoint: `${ISSUER}/oauth2/revoke`,
    introspection_endpoint: `${ISSUER}/oauth2/introspect`,
    response_types_supported: ['none'],
    grant_types_supported: ['refresh_token', 'client_credentials'],
    token_endpoint_auth_methods_supported: methods,
    revocation_endpoint_auth_methods_supported: methods,
    introspection_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
  })
})

test('where there is a page for developers, the metadata names it', async (t) => {
  const documentation = 'https://docs.example/tokens'
  const { send } = await startLedger(t, { settings: { SERVICE_DOCUMENTATION: documentation } })
  const { body } = await send('/.well-known/oauth-authorization-server')
  t.is(body['service_documentation'], documentation)
})

test('every endpoint that the metadata names is there', async (t) => {
  const { send, post } = await ledgerOfAll()
  const { body } = await send('/.well-known/oauth-authorization-server')
  for (const name of ['token_endpoint', 'revocation_endpoint', 'introspection_endpoint']) {
    const url = new URL(String(body[name]))
    t.is(url.origin, ISSUER)
    refuses(
      t,
      await post(url.pathname, { token: 'x', grant_type: 'client_credentials' }),
      [401, 'invalid_client'],
      name,
    )
  }
})

test('an issuer with a path has its metadata before that path, and nowhere else', async (t) => {
  const issuer = `${ISSUER}/tenants/one`
  const { send } = await startLedger(t, { settings: { ISSUER: issuer } })
  const { status, body } = await send('/.well-known/oauth-authorization-server/tenants/one')
  t.is(status, 200)
  t.is(body['issuer'], issuer)
  t.is(body['token_endpoint'], `${issuer}/oauth2/token`)
  for (const path of ['', '/tenants', '/tenants/two'])
    refuses(t, await send(`/.well-known/oauth-authorization-server${path}`), [404, 'not_found'], path)
  refuses(t, await send('/tenants/one/.well-known/oauth-authorization-server'), [404, 'not_found'])
})

test('other methods and other well-known documents get JSON too', async (t) => {
  const { send } = await ledgerOfAll()
  for (const method of ['POST', 'PUT', 'DELETE'])
    refuses(t, await send('/.well-known/oauth-authorization-server', { method }), [405, 'invalid_request'], method)
  refuses(t, await send('/.well-known/openid-configuration'), [404, 'not_found'])
})
