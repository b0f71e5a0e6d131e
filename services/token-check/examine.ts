import { authenticateCaller } from '../../shared/callers/authenticate-client.ts'
import type { ClientCredentials } from '../../shared/callers/client-credentials.ts'
import { inactiveBecause } from '../../shared/callers/judge-bearer.ts'
import { placeOf } from '../../shared/event-log/places.ts'
import type { HttpContext } from '../../shared/http/context.ts'
import { OAuthError } from '../../shared/http/oauth-error.ts'
import type { AccessView } from '../../shared/read-model/reads/access.ts'
import { requireRecentView } from '../../shared/read-model/reads/freshness.ts'
import { alarmIfAhead, isPerhapsTooNew } from '../../shared/read-model/reads/settled.ts'
import type { GenerationRow } from '../../shared/read-model/reads/tokens.ts'
import { type ParsedToken, parseToken } from '../../shared/tokens/token-string.ts'
import type { TokenCheck } from './token-check.ts'

export type Asked = { token: string; resource: string | null; fullyConsistent: boolean }

/** The authenticated resource server, what it asked about, and whether that token is active. */
export type Examined = {
  folders: string[]
  view: AccessView
  token: ParsedToken | null
  row: GenerationRow | null
  /** `null` = active; else why not, in words for the resource server. */
  inactive: string | null
}

const NOT_OURS = 'this is not an access token of this ledger'

/**
 * Authenticates the resource server and looks at the token, in one read. 401 is about the caller only. 503 when the read
 * model is not known to be recent enough to say either yes or no.
 */
export async function examine(
  check: TokenCheck,
  ctx: HttpContext,
  credentials: ClientCredentials,
  asked: Asked,
): Promise<Examined> {
  const parsed = parseToken(check.keys, asked.token)
  const token = parsed?.kind === 'at' ? parsed : null
  const key = {
    client_id: credentials.client_id,
    grant_id: token?.grant_id ?? null,
    generation: token?.generation ?? 0,
    resource: asked.resource,
  }
  const first = await check.read(key)
  const caller = authenticateCaller(ctx, check, credentials, first)
  const folders = caller.resource_server_folders
  if (!folders)
    throw new OAuthError('access_denied', 'this client is not registered as a resource server', { status: 403 })
  const waits = token !== null && (asked.fullyConsistent || isPerhapsTooNew(first, token))
  const view = waits ? await readFresh(check, first, token, () => check.read(key)) : first
  requireRecentView(view, check.maxLagMs)
  if (token && waits) alarmIfAhead(check.logger, view, token)
  const row = (token && view.generations.get(token.generation)) ?? null
  return { folders, view, token, row, inactive: token ? (inactiveBecause(view, token)?.reason ?? null) : NOT_OURS }
}

async function readFresh(
  check: TokenCheck,
  { now }: AccessView,
  { grant_id }: ParsedToken,
  read: () => Promise<AccessView>,
): Promise<AccessView> {
  const { waiter, topics, timeoutMs } = check
  await Promise.all([
    waiter.freshAsOf({ topic: topics.grants, partition: placeOf(grant_id) }, now, timeoutMs),
    waiter.freshAsOf({ topic: topics.registry, partition: 0 }, now, timeoutMs),
  ])
  return read()
}
