import test from 'ava'
import { authorizeGrant, type AuthorizeCommand } from '../../../../shared/ledger/grant/commands/authorize.ts'
import { authorized, client, GRANT_ID } from '../../given.ts'

const CALLBACK = 'https://shop.example/callback'
const CHALLENGE = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'
const codeClient = (over: Parameters<typeof client>[0] = {}) =>
  client({ grant_types: ['authorization_code', 'refresh_token'], redirect_uris: [CALLBACK], ...over })
const PUBLIC = codeClient({ client_type: 'public' })

const ask = (over: Partial<AuthorizeCommand> = {}): AuthorizeCommand => ({
  grant_id: GRANT_ID,
  client: codeClient(),
  principal: { type: 'user', id: 'ada' },
  scope: null,
  redirect_uri: CALLBACK,
  code_challenge: CHALLENGE,
  code_challenge_method: 'S256',
  code_lifetime: 600,
  registry_position: 7,
  kid: 1,
  pkce: { isRequired: false, isPlainAllowed: false },
  ...over,
})

const WITHOUT = { code_challenge: null, code_challenge_method: null }
const PLAIN = { code_challenge: 'p'.repeat(43), code_challenge_method: 'plain' }
const allowed = { isRequired: false, isPlainAllowed: true }

const refusalOf = (over: Partial<AuthorizeCommand>) => {
  const { refused } = authorizeGrant(ask(over))
  return refused ? `${refused.error}: ${refused.description}` : 'authorized'
}

test("a code is authorized on the client's terms, with what its exchange must match", (t) => {
  t.deepEqual(authorizeGrant(ask()), { event: authorized() })
})

test('what is known of the login goes with the authorization', (t) => {
  const login = { consent: 'asked' as const, auth_time: 7, amr: ['pwd'], sid: 's', nonce: 'n' }
  t.deepEqual(authorizeGrant(ask(login)), { event: authorized(login) })
})

test('a redirect URI that is omitted is stored as omitted', (t) => {
  t.like(authorizeGrant(ask({ redirect_uri: null })).event, { data: { redirect_uri: null } })
})

test('a code is refused for another redirect URI, another grant type and more scope', (t) => {
  t.is(
    refusalOf({ redirect_uri: 'https://evil.example/' }),
    'invalid_request: redirect_uri is not registered for the client',
  )
  t.regex(refusalOf({ client: codeClient({ grant_types: ['refresh_token'] }) }), /^unauthorized_client: /)
  t.regex(refusalOf({ scope: 'admin' }), /^invalid_scope: /)
})

test('W16: public clients must send a code_challenge, confidential ones where it is set', (t) => {
  const required = 'invalid_request: code_challenge is required (RFC 7636)'
  t.is(refusalOf({ ...WITHOUT, client: PUBLIC }), required)
  t.is(refusalOf(WITHOUT), 'authorized')
  t.is(refusalOf({ ...WITHOUT, pkce: { isRequired: true, isPlainAllowed: false } }), required)
})

test('W16: an omitted or unknown method, or one without a challenge, is refused by name', (t) => {
  t.is(refusalOf({ code_challenge_method: null }), 'invalid_request: code_challenge_method is required: S256')
  t.is(refusalOf({ code_challenge_method: 'S512' }), 'invalid_request: code_challenge_method must be S256')
  t.is(refusalOf({ code_challenge: null }), 'invalid_request: code_challenge_method needs code_challenge')
})

test('W16: plain is taken where it is allowed only', (t) => {
  t.is(refusalOf(PLAIN), 'invalid_request: code_challenge_method must be S256')
  t.is(refusalOf({ ...PLAIN, pkce: allowed }), 'authorized')
})

test('a code_challenge that no code_verifier can match is refused', (t) => {
  for (const code_challenge of ['', 'short', `${CHALLENGE}=`, CHALLENGE.replace('-', '+'), 'a'.repeat(44)])
    t.regex(refusalOf({ code_challenge }), /^invalid_request: code_challenge must be made/)
  for (const code_challenge of ['a'.repeat(42), 'a'.repeat(129), `${'a'.repeat(43)}!`])
    t.regex(refusalOf({ ...PLAIN, pkce: allowed, code_challenge }), /^invalid_request: code_challenge must be made/)
})
