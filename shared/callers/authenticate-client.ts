import type { Logger } from 'pino'
import type { HttpContext } from '../http/context.ts'
import { OAuthError } from '../http/oauth-error.ts'
import { isVerifiable, secretsOf } from '../ledger/client.ts'
import type { Client, ClientSecret } from '../ledger/events.ts'
import { requireRecent } from '../read-model/reads/freshness.ts'
import { keyNotHeld, type SettlingTokens } from '../read-model/reads/settled-token.ts'
import type { TokenView } from '../read-model/reads/tokens.ts'
import { provenSecret } from '../tokens/client-secret.ts'
import type { Keys } from '../tokens/keys.ts'
import type { ClientCredentials } from './client-credentials.ts'
import { countFailedClient, type Counting } from './failed-attempts.ts'

/**
 * The client that calls, as `authenticateClient` finds it in this view. A refusal on a registry older than `maxLagMs`
 * is 503 instead: the client may be new, or its secret renewed, and our outage must not look like its fault. So is a
 * secret that is stored under a key which this process does not have.
 */
export async function authenticateCaller(
  ctx: HttpContext,
  proving: Proving,
  credentials: ClientCredentials,
  view: TokenView,
): Promise<Client> {
  const client = view.caller?.value ?? null
  const secrets = client ? secretsOf(client, view.now).filter(({ kid }) => view.keys.get(kid) !== 'retired') : []
  try {
    const proven = await authenticateClient(proving.keys, credentials, client, secrets)
    ctx.state.client_id = proven.client.client_id
    if (proven.secret) proving.noteProof(proven.secret.kid, view.keys)
    return proven.client
  } catch (error) {
    requireRecent(view.registry, view.now, proving.maxLagMs)
    const unheld = secrets.find(({ kid }) => !proving.keys.kids.includes(kid))
    if (unheld && credentials.method !== 'none') throw keyNotHeld(proving.logger, unheld.kid)
    if (client) noteUnverifiable(proving.logger, client, secrets)
    await countFailedClient(ctx, proving, { client_id: credentials.client_id, isKnown: client !== null })
    throw error
  }
}

/** Perhaps the client was right: a later release may have written what this one cannot verify. */
function noteUnverifiable(logger: Logger, client: Client, secrets: readonly ClientSecret[]): void {
  const { client_id, token_endpoint_auth_method: method } = client
  const other = secrets.find((secret) => !isVerifiable(secret))?.secret_algorithm
  const means = other ?? (method === 'private_key_jwt' ? method : null)
  if (means === null) return
  const text = 'a client was refused that may be right: this release cannot verify what it proves itself with'
  logger.error({ alarm: 'client_not_verifiable', client_id, means }, text)
}

type Proving = Counting & Pick<SettlingTokens, 'maxLagMs' | 'noteProof'> & { keys: Keys }

/** A client that is let in, and the secret that it proved itself with; a public one has none. */
type Proven = { client: Client; secret: ClientSecret | null }

/**
 * The client, once it has proved itself by the method it is registered for, with one of these secrets of its own.
 * Otherwise OAuthError invalid_client: always the same answer, after the same work, whether the client is unknown,
 * disabled or wrong about its secret or method.
 */
export async function authenticateClient(
  keys: Keys,
  credentials: ClientCredentials,
  client: Client | null,
  secrets: readonly ClientSecret[],
): Promise<Proven> {
  const { client_id, client_secret, method } = credentials
  const secret = method === 'none' ? null : provenSecret(keys, client_secret, secrets)
  const registered = client?.token_endpoint_auth_method === method && client.client_id === client_id
  if (!client || (method !== 'none' && !secret) || !registered || !client.enabled)
    throw new OAuthError('invalid_client', 'client authentication failed')
  return { client, secret }
}
