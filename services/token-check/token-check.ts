import type { Logger } from 'pino'
import type { ClientCredentials } from '../../shared/http/client-credentials.ts'
import { authenticateCaller } from '../../shared/http/authenticate-caller.ts'
import { alarmIfAhead } from '../../shared/http/generation-alarm.ts'
import { OAuthError } from '../../shared/http/oauth-error.ts'
import type { HttpContext } from '../../shared/http/create-app.ts'
import { requireRecentView } from '../../shared/http/require-recent.ts'
import { placeOf } from '../../shared/ledger/place-of.ts'
import type { AccessReader, AccessView } from '../../shared/read-model/access-reads.ts'
import { inactiveBecause } from '../../shared/read-model/bearer.ts'
import type { PositionWaiter } from '../../shared/read-model/position-waiter.ts'
import { isPerhapsTooNew } from '../../shared/read-model/token-age.ts'
import type { GenerationRow } from '../../shared/read-model/token-reads.ts'
import { parseToken, type ParsedToken } from '../../shared/tokens/token-string.ts'
import type { Keys } from '../../shared/tokens/keys.ts'

/** What the handlers of the token-check API work with. */
export type TokenCheck = {
  read: AccessReader
  waiter: PositionWaiter
  /** The access and pepper subkeys are enough. */
  keys: Keys
  topics: { grants: string; registry: string }
  issuer: string
  logger: Logger
  /** Refuse to answer from a read model older than this. */
  maxLagMs: number
  /** How long to wait for freshness where an answer needs it. */
  timeoutMs: number
}

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
