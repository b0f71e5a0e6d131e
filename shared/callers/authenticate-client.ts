import type { HttpContext } from '../http/context.ts'
import { OAuthError } from '../http/oauth-error.ts'
import { isVerifiable, secretsOf } from '../ledger/client.ts'
import type { Client, ClientSecret } from '../ledger/events.ts'
import { requireRecent } from '../read-model/reads/freshness.ts'
import { keyNotHeld, type SettlingTokens } from '../read-model/reads/settled-token.ts'
import type { TokenView } from '../read-model/reads/tokens.ts'
import { provenSecret } from '../tokens/client-secret.ts'
import type { Keys } from '../tokens/keys.ts'
import { type Asserted, type Assertions, assertedClient } from './client-assertion.ts'
import type { ClientCredentials } from './client-credentials.ts'
import { countFailedClient, type Counting } from './failed-attempts.ts'

/**
 * The client that calls, as `authenticateClient` or its assertion finds it in this view. A refusal on a registry older
 * than `maxLagMs` is 503 instead: the client may be new, or its secret renewed, and our outage must not look like its
 * fault. So is a secret that is stored under a key which this process does not have.
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
    const proven = isAssertion(credentials)
      ? { client: await assertedClient(proving.assertions, credentials, { client, now: view.now }), secret: null }
      : await authenticateClient(proving.keys, credentials, client, secrets)
    ctx.state.client_id = proven.client.client_id
    if (proven.secret) proving.noteProof(proven.secret.kid, view.keys)
    return proven.client
  } catch (error) {
    requireRecent(view.registry, view.now, proving.maxLagMs)
    if (!(error instanceof OAuthError)) throw error
    if (credentials.client_secret !== null) noteUnverifiable(proving, client, secrets)
    await countFailedClient(ctx, proving, { client_id: credentials.client_id, isKnown: client !== null })
    throw error
  }
}

function isAssertion(credentials: ClientCredentials): credentials is Asserted {
  return credentials.method === 'private_key_jwt'
}

/**
 * Perhaps the client was right: its secret is stored under a key that this process does not have (Unsettled), or a
 * later release may have written what this one cannot verify.
 */
function noteUnverifiable({ keys, logger }: Proving, client: Client | null, secrets: readonly ClientSecret[]): void {
  const unheld = secrets.find(({ kid }) => !keys.kids.includes(kid))
  if (unheld) throw keyNotHeld(logger, unheld.kid)
  const means = secrets.find((secret) => !isVerifiable(secret))?.secret_algorithm
  if (means === undefined || !client) return
  const text = 'a client was refused that may be right: this release cannot verify what it proves itself with'
  logger.error({ alarm: 'client_not_verifiable', client_id: client.client_id, means }, text)
}

type Proving = Counting & Pick<SettlingTokens, 'maxLagMs' | 'noteProof'> & { keys: Keys; assertions: Assertions }

/** A client that is let in, and the secret that it proved itself with; a public one has none. */
type Proven = { client: Client; secret: ClientSecret | null }

/**
 * The client, once it has proved itself by the method it is registered for, with one of these secrets of its own.
 * Otherwise OAuthError invalid_client: always the same answer, after the same work, whether the client is unknown,
 * disabled or wrong about its secret or method.
 */
export async function authenticateClient(
  keys: Keys,
  credentials: Exclude<ClientCredentials, Asserted>,
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
