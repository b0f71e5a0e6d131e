import { signer } from '../support/assertions.ts'
import { refuses } from '../support/asserting.ts'
import { sharedLedger, type TestLedger } from '../support/ledger.ts'
import { realTest } from '../support/real-parts.ts'
import { basic, type Answer } from '../support/requests.ts'

const test = realTest('postgres')
const ledgerOfAll = sharedLedger(async () => ({ settings: { ADDRESS_FAILURES: '10000' } }))

const METHODS = ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'] as const
type Method = (typeof METHODS)[number]

/** What a client sends besides its request. */
type Proof = { headers?: Record<string, string>; form: Record<string, string> }
type Prover = { client_id: string; by: (method: Method) => Promise<Proof> }

/** A client that has whatever any method needs, and is registered for one. */
async function prover(ledger: TestLedger, registered: Method): Promise<Prover> {
  const open = { client_type: 'public' as const, grant_types: ['refresh_token'] }
  const over = { token_endpoint_auth_method: registered, ...(registered === 'none' && open) }
  const folders = registered === 'none' ? {} : { resource_server_folders: ['orders'] }
  const theirs = await signer(ledger)
  const app = await ledger.client({ ...over, ...folders, jwks: { keys: [theirs.key.jwk] } })
  const { client_id, client_secret } = app
  const secret = client_secret ?? 'x'
  const claims = { iss: client_id, sub: client_id }
  const by: Record<Method, () => Promise<Proof>> = {
    client_secret_basic: async () => ({ headers: { authorization: basic(`${client_id}:${secret}`) }, form: {} }),
    client_secret_post: async () => ({ form: { client_id, client_secret: secret } }),
    private_key_jwt: async () => ({ form: await theirs.proof(claims) }),
    none: async () => ({ form: { client_id } }),
  }
  return { client_id, by: (method) => by[method]() }
}

const WRONG_GRANT = [400, 'invalid_grant'] as const
const NO_SERVER = [403, 'access_denied'] as const
const OF_CLIENT = { grant_type: 'refresh_token', refresh_token: 'x' }

/** What a client that is let in is told there; `open`: a public one. */
const ENDPOINTS: { path: string; form: Record<string, string>; told: readonly unknown[]; open?: readonly unknown[] }[] =
  [
    { path: '/oauth2/token', form: OF_CLIENT, told: WRONG_GRANT },
    { path: '/oauth2/revoke', form: { token: 'x' }, told: [200, undefined] },
    { path: '/oauth2/introspect', form: { token: 'x' }, told: [200, undefined], open: NO_SERVER },
    { path: '/check', form: { token: 'x', resource: 'orders' }, told: [200, undefined], open: NO_SERVER },
    ...['/', ':'].flatMap((colon) => [
      { path: `/invoke/pub.oauth${colon}getToken`, form: OF_CLIENT, told: WRONG_GRANT },
      {
        path: `/invoke/pub.oauth${colon}getAccessToken`,
        form: { grant_type: 'client_credentials' },
        told: [200, undefined],
        open: [400, 'unauthorized_client'],
      },
      { path: `/invoke/pub.oauth${colon}refreshAccessToken`, form: OF_CLIENT, told: WRONG_GRANT },
      { path: `/invoke/pub.oauth${colon}revokeToken`, form: { token: 'x' }, told: [200, undefined] },
      {
        path: `/invoke/pub.oauth${colon}introspectToken`,
        form: { token: 'x' },
        told: [200, undefined],
        open: NO_SERVER,
      },
    ]),
  ]

for (const registered of METHODS)
  test(`a client of ${registered} is let in by it, and by no other method, at every endpoint`, async (t) => {
    const ledger = await ledgerOfAll()
    const ask = async (app: Prover, path: string, form: Record<string, string>, method: Method): Promise<Answer> => {
      const { headers = {}, form: proof } = await app.by(method)
      const all = { ...form, ...proof }
      return path === '/check' ? ledger.postJson(path, all, { headers }) : ledger.post(path, all, { headers })
    }
    for (const { path, form, told, open = told } of ENDPOINTS) {
      const app = await prover(ledger, registered)
      for (const method of METHODS) {
        const answer = await ask(app, path, form, method)
        const { status, body } = answer
        if (method !== registered) refuses(t, answer, [401, 'invalid_client'], `${method} at ${path}`)
        else t.deepEqual([status, body['error']], [...(method === 'none' ? open : told)], `${method} at ${path}`)
      }
    }
  })
