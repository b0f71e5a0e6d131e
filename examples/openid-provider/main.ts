import { randomBytes } from 'node:crypto'
import { exportJWK, generateKeyPair } from 'jose'
import { Provider } from 'oidc-provider'

// An OpenID provider to try out logging in with one: whoever types a name is that person, whatever the password.
// Its README says how to start it.
const { PORT = '4466', LEDGER_URL = 'http://127.0.0.1:4444', CLIENT_SECRET = '' } = process.env
const issuer = `http://127.0.0.1:${PORT}`
const NAME = process.env['PROVIDER_NAME'] ?? 'example'

const { privateKey } = await generateKeyPair('RS256', { extractable: true })

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: 'token-ledger',
      client_secret: CLIENT_SECRET,
      redirect_uris: [`${LEDGER_URL}/login/with/${NAME}/callback`],
      post_logout_redirect_uris: [`${LEDGER_URL}/account/logout`],
    },
  ],
  claims: { openid: ['sub'], profile: ['preferred_username', 'name'], email: ['email', 'email_verified'] },
  // What it knows of a person: here, what the typed name says.
  findAccount: (_: unknown, accountId: string) => ({
    accountId,
    claims: () => ({
      sub: `sub-of-${accountId}`,
      preferred_username: accountId,
      name: accountId,
      email: `${accountId}@example.com`,
      email_verified: true,
    }),
  }),
  jwks: { keys: [{ ...(await exportJWK(privateKey)), alg: 'RS256', use: 'sig', kid: 'of this start' }] },
  cookies: { keys: [randomBytes(32).toString('hex')] },
})

provider.listen(Number(PORT), '127.0.0.1', () => console.log(`OpenID provider: ${issuer}`))
