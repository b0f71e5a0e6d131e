import type { HttpContext } from '../http/context.ts'
import { OAuthError } from '../http/oauth-error.ts'
import type { Client } from '../ledger/events.ts'
import { requireRecent } from '../read-model/reads/freshness.ts'
import { keyNotHeld, type SettlingTokens } from '../read-model/reads/settled-token.ts'
import type { TokenView } from '../read-model/reads/tokens.ts'
import { verifyClientSecret } from '../tokens/client-secret.ts'
import type { Keys } from '../tokens/keys.ts'
import type { ClientCredentials } from './client-credentials.ts'

/**
 * The client that calls, as `authenticateClient` finds it in this view. A refusal on a registry older than `maxLagMs`
 * is 503 instead: the client may be new, or its secret renewed, and our outage must not look like its fault. So is a
 * secret that is stored under a key which this process does not have.
 */
export function authenticateCaller(
  ctx: HttpContext,
  proving: Proving,
  credentials: ClientCredentials,
  view: TokenView,
): Client {
  try {
    const client = authenticateClient(proving.keys, credentials, provable(proving, credentials, view))
    ctx.state.client_id = client.client_id
    if (client.secret && credentials.method !== 'none') proving.noteProof(client.secret.kid, view.keys)
    return client
  } catch (error) {
    requireRecent(view.registry, view.now, proving.maxLagMs)
    throw error
  }
}

type Proving = Pick<SettlingTokens, 'logger' | 'maxLagMs' | 'noteProof'> & { keys: Keys }

/** The client that is said to call, without a secret that nothing can prove any more because its key was retired. */
function provable(
  { keys, logger }: Proving,
  { method }: ClientCredentials,
  { caller, keys: known }: TokenView,
): Client | null {
  const client = caller?.value ?? null
  if (!client?.secret) return client
  if (known.get(client.secret.kid) === 'retired') return { ...client, secret: null }
  if (method !== 'none' && !keys.kids.includes(client.secret.kid)) throw keyNotHeld(logger, client.secret.kid)
  return client
}

/**
 * The client, once it has proved itself by the method it is registered for. Otherwise OAuthError invalid_client: always
 * the same answer, after the same work, whether the client is unknown, disabled or wrong about its secret or method.
 */
export function authenticateClient(keys: Keys, credentials: ClientCredentials, client: Client | null): Client {
  const proved =
    credentials.method === 'none' || verifyClientSecret(keys, credentials.client_secret, client?.secret ?? null)
  const registered =
    client?.token_endpoint_auth_method === credentials.method && client.client_id === credentials.client_id
  if (!client || !proved || !registered || !client.enabled)
    throw new OAuthError('invalid_client', 'client authentication failed')
  return client
}
