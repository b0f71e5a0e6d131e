import { v7 as uuidv7 } from 'uuid'
import { z } from 'zod'
import type { HttpContext, HttpMiddleware } from '../../shared/http/create-app.ts'
import { issuedTokens } from '../../shared/http/issued-tokens.ts'
import { readJson } from '../../shared/http/json-body.ts'
import { OAuthError } from '../../shared/http/oauth-error.ts'
import type { GrantFact } from '../../shared/ledger/events.ts'
import { needsGuard, type GrantWrite } from '../../shared/ledger/guard.ts'
import { ADMINISTRATOR_GRANT, issueTokens } from '../../shared/ledger/issue.ts'
import { placeOf } from '../../shared/ledger/place-of.ts'
import { GUARD_RESOURCE } from '../../shared/ledger/predefined.ts'
import type { RegistryEntity } from '../../shared/ledger/registry-state.ts'
import type { RegistryRead } from '../../shared/read-model/registry-reads.ts'
import type { TokenView } from '../../shared/read-model/token-reads.ts'
import { eventContext } from '../../shared/http/event-context.ts'
import { requireRecent, requireShown } from '../../shared/http/require-recent.ts'
import type { Admin } from './admin.ts'
import { endGrant, readGrant } from './end-grant.ts'
import { requireRight } from './guarded.ts'
import { nameFrom, REASON } from './names.ts'
import { lives } from './preconditions.ts'

/** The right to make and end grants. */
export const GRANTS = 'ledger.admin:grants'

const ISSUE = z.strictObject({
  client_id: z.string().min(1).max(200),
  sub: z.string().min(1).max(200),
  scope: z.string().max(5000).optional(),
})

/**
 * POST /admin/grants: an administrator gives a client its first tokens for a user, on the client's terms; answers as the
 * token endpoint does (RFC 6749 §5.1). `scope` omitted = the client's whole scope. 400 invalid_request for a client or
 * user that is unknown or disabled, invalid_scope for more than the client's.
 */
export function issueGrant(admin: Admin): HttpMiddleware {
  return async (ctx) => {
    const bearer = await requireRight(admin, ctx, GRANTS)
    const { client_id, sub, scope } = await readJson(ctx, ISSUE)
    const read = await admin.registry.read({ client_ids: [client_id], subs: [sub] })
    requireRecent(read.registry, read.now, admin.maxLagMs)
    const grant_id = uuidv7()
    const event = decideIssue(admin, read, { client_id, sub, scope: scope ?? null, grant_id })
    await guardGrant(admin, ctx, read, event.data)
    await requireWritable(admin, grant_id)
    const committed = await admin.commit(event, eventContext(ctx, bearer.principal))
    const view = await readGrant(admin, grant_id)
    requireShown(view.checkpoint, committed.position)
    ctx.body = issuedTokens(admin, view, committed)
  }
}

const REVOKE = z.strictObject({ reason: REASON })

/**
 * POST /admin/grants/:grant_id/revoke {reason}: ends all tokens of a grant; 200 means durable and projected. Repeating it
 * changes nothing. 404 for an unknown grant.
 */
export function revokeGrantById(admin: Admin): HttpMiddleware {
  return async (ctx) => {
    const bearer = await requireRight(admin, ctx, GRANTS)
    const { reason } = await readJson(ctx, REVOKE)
    const { grant } = await findGrant(admin, nameFrom(ctx, 'grant_id', z.string()))
    const { grant_id, client_id, principal, scope } = grant
    const subs = principal.type === 'user' ? [principal.id] : []
    const read = await admin.registry.read({ client_ids: [client_id], subs })
    await guardGrant(admin, ctx, read, { client_id, principal, scope })
    const revoked_by = bearer.principal
    const ended = await endGrant(admin, grant, { reason, revoked_by, context: eventContext(ctx, revoked_by) })
    ctx.body = { grant_id, status: ended.status, reason: ended.reason }
  }
}

type Issue = { client_id: string; sub: string; scope: string | null; grant_id: string }
type IssuedFact = Extract<GrantFact, { type: 'TokenIssued' }>

function decideIssue(admin: Admin, read: RegistryRead, { client_id, sub, scope, grant_id }: Issue): IssuedFact {
  const client = read.view.clients.find((one) => one.client_id === client_id)
  const user = read.view.users.find((one) => one.sub === sub)
  if (!client?.enabled) throw new OAuthError('invalid_request', 'client_id: there is no such client, or it is disabled')
  if (!user?.enabled) throw new OAuthError('invalid_request', 'sub: there is no such user, or it is disabled')
  const { events, refused } = issueTokens({
    grant_id,
    client,
    principal: { type: 'user', id: sub },
    grant_type: ADMINISTRATOR_GRANT,
    scope,
    // Of the statement that found both alive: whatever revokes all of them later ends this grant too.
    registry_position: read.registry.next,
    kid: admin.keys.current,
  })
  if (refused) throw new OAuthError(refused.error, refused.description, { reason: refused.reason })
  const [event] = events
  if (event?.type !== 'TokenIssued') throw new Error('a grant was neither issued nor refused')
  return event
}

async function guardGrant(
  admin: Admin,
  ctx: HttpContext,
  { registry, now, view, entities }: RegistryRead,
  { client_id, principal, scope }: Omit<GrantWrite, 'type'>,
): Promise<void> {
  requireRecent(registry, now, admin.checkMaxLagMs)
  const write: GrantWrite = { type: 'GrantWrite', client_id, principal, scope }
  // Whom the ledger no longer knows may have been one of its administrators.
  const isGone =
    principal.type === 'user' ? !lives(entities.get(`user/${principal.id}`)) : isGoneClient(entities, client_id)
  if (isGone || needsGuard(view, write)) await requireRight(admin, ctx, GUARD_RESOURCE)
}

function isGoneClient(entities: Map<string, RegistryEntity>, client_id: string): boolean {
  return !lives(entities.get(`client/${client_id}`))
}

/** 503 rather than a grant that nobody is told of. */
async function requireWritable(admin: Admin, grant_id: string): Promise<void> {
  const view = await readGrant(admin, grant_id)
  requireRecent(view.checkpoint, view.now, admin.maxLagMs)
}

const UUID_FORM = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/

type Found = TokenView & { grant: Exclude<TokenView['grant'], { status: 'unknown' }> }

async function findGrant(admin: Admin, grant_id: string): Promise<Found> {
  if (!UUID_FORM.test(grant_id)) throw unknownGrant()
  const first = await readGrant(admin, grant_id)
  const view = first.grant.status === 'unknown' ? await readFreshGrant(admin, grant_id, first) : first
  const { grant } = view
  if (grant.status === 'unknown') throw unknownGrant()
  return { ...view, grant }
}

/** Only once the read model shows all that was in the log is "never heard of it" an answer. */
async function readFreshGrant(admin: Admin, grant_id: string, { now }: TokenView): Promise<TokenView> {
  const place = { topic: admin.topics.grants, partition: placeOf(grant_id) }
  await admin.waiter.freshAsOf(place, now, admin.timeoutMs)
  return readGrant(admin, grant_id)
}

function unknownGrant(): OAuthError {
  return new OAuthError('not_found', 'there is no such grant')
}
