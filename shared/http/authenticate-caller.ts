import type { Client } from '../ledger/events.ts'
import type { TokenView } from '../read-model/token-reads.ts'
import type { Keys } from '../tokens/keys.ts'
import { authenticateClient, type ClientCredentials } from './client-credentials.ts'
import type { HttpContext } from './create-app.ts'
import { requireRecent } from './require-recent.ts'

/**
 * The client that calls, as `authenticateClient` finds it in this view. A refusal on a registry older than `maxLagMs` is 503
 * instead: the client may be new, or its secret renewed, and our outage must not look like its fault.
 */
export function authenticateCaller(
  ctx: HttpContext,
  { keys, maxLagMs }: { keys: Keys; maxLagMs: number },
  credentials: ClientCredentials,
  view: TokenView,
): Client {
  try {
    const client = authenticateClient(keys, credentials, view.caller?.value ?? null)
    ctx.state.client_id = client.client_id
    return client
  } catch (error) {
    requireRecent(view.registry, view.now, maxLagMs)
    throw error
  }
}
