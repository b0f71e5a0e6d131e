import { v7 as uuidv7 } from 'uuid'
import { z } from 'zod'
import { eventContext } from '../../../shared/callers/event-context.ts'
import { refusedWith } from '../../../shared/callers/refused.ts'
import { requireRight } from '../../../shared/callers/require-right.ts'
import type { HttpMiddleware } from '../../../shared/http/context.ts'
import { readJson } from '../../../shared/http/input/json-body.ts'
import { OAuthError } from '../../../shared/http/oauth-error.ts'
import type { GrantFact } from '../../../shared/ledger/events.ts'
import { ADMINISTRATOR_GRANT, issueTokens } from '../../../shared/ledger/grant/commands/issue.ts'
import { deadBecause } from '../../../shared/ledger/grant/liveness.ts'
import { commitAndRead } from '../../../shared/read-model/commit/commit.ts'
import { issuedTokens, tokensOf } from '../../../shared/read-model/commit/issued-tokens.ts'
import { requireRecent } from '../../../shared/read-model/reads/freshness.ts'
import { requireCurrentKey } from '../../../shared/read-model/reads/settled-token.ts'
import type { RegistryRead } from '../../../shared/read-model/reads/registry.ts'
import type { TokenView } from '../../../shared/read-model/reads/tokens.ts'
import { Unsettled } from '../../../shared/read-model/unsettled.ts'
import type { TokenResponse } from '../../../shared/tokens/token-response.ts'
import type { Admin } from '../admin.ts'
import { repeatable } from '../idempotency-key.ts'
import { readGrant } from './end-grant.ts'
import { GRANTS, guardGrant } from './guard-grant.ts'

/** Whom an administrator gives tokens for, and to which client. */
export const ISSUE = z.strictObject({
  client_id: z.string().min(1).max(200),
  sub: z.string().min(1).max(200),
  scope: z.string().max(5000).optional(),
})

/**
 * POST /admin/grants: an administrator gives a client its first tokens for a user, on the client's terms; answers as
 * the token endpoint does (RFC 6749 §5.1). `scope` omitted = the client's whole scope. 400 invalid_request for a client
 * or user that is unknown or disabled, invalid_scope for more than the client's. With an Idempotency-Key it may be
 * repeated: 409 once its tokens were refreshed or have ended.
 */
export function issueGrant(admin: Admin): HttpMiddleware {
  return async (ctx) => {
    const bearer = await requireRight(admin, ctx, GRANTS)
    const { client_id, sub, scope } = await readJson(ctx, ISSUE)
    const read = await admin.registry.read({ client_ids: [client_id], subs: [sub] })
    requireRecent(read.checkpoint, read.now, admin.maxLagMs)
    const { id: grant_id, key } = await repeatable(admin, ctx, bearer, { id: uuidv7(), revision: 1 })
    const event = decideIssue(admin, read, { client_id, sub, scope: scope ?? null, grant_id })
    await guardGrant(admin, ctx, read, event.data)
    const before = await requireWritable(admin, grant_id)
    if (before.grant.status === 'unknown') {
      const written = { fact: event, context: eventContext(ctx, bearer.principal), decidedOn: before.checkpoint }
      const { view, committed } = await commitAndRead(admin.commit, written, () => readGrant(admin, grant_id))
      // An equal request may have been first, at the same moment.
      ctx.body = key === null ? issuedTokens(admin, view, committed) : issuedBefore(admin, view)
    } else ctx.body = issuedBefore(admin, before)
  }
}

type Issue = { client_id: string; sub: string; scope: string | null; grant_id: string }

type IssuedFact = Extract<GrantFact, { type: 'TokenIssued' }>

function decideIssue(admin: Admin, read: RegistryRead, { client_id, sub, scope, grant_id }: Issue): IssuedFact {
  const { client } = partiesOf(read, { client_id, sub })
  const { event, refused } = issueTokens({
    grant_id,
    client,
    principal: { type: 'user', id: sub },
    grant_type: ADMINISTRATOR_GRANT,
    scope,
    // Of the statement that found both alive: whatever revokes all of them later ends this grant too.
    registry_position: read.checkpoint.next,
    kid: admin.keys.current,
  })
  if (refused) throw refusedWith(refused)
  return event
}

/** The client and the user of a grant to be. OAuthError invalid_request for one who is unknown or disabled. */
export function partiesOf({ view }: RegistryRead, { client_id, sub }: Pick<Issue, 'client_id' | 'sub'>) {
  const client = view.clients.find((one) => one.client_id === client_id)
  const user = view.users.find((one) => one.sub === sub)
  if (!client?.enabled) throw new OAuthError('invalid_request', 'client_id: there is no such client, or it is disabled')
  if (!user?.enabled) throw new OAuthError('invalid_request', 'sub: there is no such user, or it is disabled')
  return { client, user }
}

/** The grant before it is written. 503 rather than a grant that nobody is told of. */
export async function requireWritable(admin: Admin, grant_id: string): Promise<TokenView> {
  const view = await readGrant(admin, grant_id)
  requireRecent(view.checkpoint, view.now, admin.maxLagMs)
  requireCurrentKey(admin.logger, admin.keys.current, view.keys)
  return view
}

/** The first tokens of a grant that an equal request has made; not once they are spent, as that would be a reuse. */
function issuedBefore(admin: Admin, { grant, generations, client, user, now }: TokenView): TokenResponse {
  const first = generations.get(1)
  if (grant.status === 'unknown') throw new Unsettled('the issued token turned out void')
  const isFirst = grant.status === 'live' && grant.access_generation === 1
  if (isFirst && first && !deadBecause({ grant, client, user })) return tokensOf(admin, grant, { row: first, now })
  throw new OAuthError('conflict', 'the grant of this Idempotency-Key was refreshed, or has ended, since')
}
