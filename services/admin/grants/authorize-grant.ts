import { v7 as uuidv7 } from 'uuid'
import { z } from 'zod'
import { eventContext } from '../../../shared/callers/event-context.ts'
import { refusedWith } from '../../../shared/callers/refused.ts'
import { requireRight } from '../../../shared/callers/require-right.ts'
import type { HttpMiddleware } from '../../../shared/http/context.ts'
import { readJson } from '../../../shared/http/input/json-body.ts'
import { OAuthError } from '../../../shared/http/oauth-error.ts'
import { authorizeGrant, type CodeRequest } from '../../../shared/ledger/grant/commands/authorize.ts'
import { codeUntil, deadBecause } from '../../../shared/ledger/grant/liveness.ts'
import { commitAndRead } from '../../../shared/read-model/commit/commit.ts'
import { requireRecent } from '../../../shared/read-model/reads/freshness.ts'
import type { RegistryRead } from '../../../shared/read-model/reads/registry.ts'
import type { TokenView } from '../../../shared/read-model/reads/tokens.ts'
import { Unsettled } from '../../../shared/read-model/unsettled.ts'
import { formatToken } from '../../../shared/tokens/token-string.ts'
import type { Admin } from '../admin.ts'
import { repeatable } from '../idempotency-key.ts'
import { readGrant } from './end-grant.ts'
import { guardGrant } from './guard-grant.ts'
import { ISSUE, partiesOf, requireWritable } from './issue-grant.ts'

/** The right to authorize a client for a user who is not asked. */
export const AUTHORIZATIONS = 'ledger.admin:authorizations'

/** Whom an administrator authorizes a client for, and what the exchange of the code must match. */
export const AUTHORIZE = z.strictObject({
  ...ISSUE.shape,
  redirect_uri: z.string().min(1).max(2000).optional(),
  code_challenge: z.string().max(128).optional(),
  code_challenge_method: z.string().max(20).optional(),
})

type Authorize = CodeRequest & { client_id: string; sub: string; scope: string | null; grant_id: string }

/**
 * POST /admin/authorizations: an administrator authorizes a client for a user, without asking that user, and gets the
 * code that the client exchanges for its first tokens. What is refused is refused as by an authorization endpoint (RFC
 * 6749 §4.1.2.1). With an Idempotency-Key it may be repeated: 409 once the code was exchanged or has ended.
 */
export function authorizeClient(admin: Admin): HttpMiddleware {
  return async (ctx) => {
    const bearer = await requireRight(admin, ctx, AUTHORIZATIONS)
    const { client_id, sub, scope = null, ...asked } = await readJson(ctx, AUTHORIZE)
    const read = await admin.registry.read({ client_ids: [client_id], subs: [sub] })
    requireRecent(read.checkpoint, read.now, admin.maxLagMs)
    const { id: grant_id } = await repeatable(admin, ctx, bearer, { id: uuidv7(), revision: 1 })
    const event = decide(admin, read, { client_id, sub, scope, grant_id, ...requestOf(asked) })
    await guardGrant(admin, ctx, read, event.data)
    const before = await requireWritable(admin, grant_id)
    const write = async () => {
      const written = { fact: event, context: eventContext(ctx, bearer.principal), decidedOn: before.checkpoint }
      return (await commitAndRead(admin.commit, written, () => readGrant(admin, grant_id))).view
    }
    ctx.body = codeOf(admin, before.grant.status === 'unknown' ? await write() : before)
  }
}

function requestOf({ redirect_uri, code_challenge, code_challenge_method }: Partial<CodeRequestText>): CodeRequest {
  return {
    redirect_uri: redirect_uri ?? null,
    code_challenge: code_challenge ?? null,
    code_challenge_method: code_challenge_method ?? null,
  }
}

type CodeRequestText = { [Name in keyof CodeRequest]: string | undefined }

function decide(admin: Admin, read: RegistryRead, { client_id, sub, ...asked }: Authorize) {
  const { client } = partiesOf(read, { client_id, sub })
  const { event, refused } = authorizeGrant({
    ...asked,
    ...admin.authorizations,
    client,
    principal: { type: 'user', id: sub },
    // Of the statement that found both alive: whatever revokes all of them later ends this grant too.
    registry_position: read.checkpoint.next,
    kid: admin.keys.current,
  })
  if (refused) throw refusedWith(refused)
  return event
}

/** The code of a grant that was authorized, by this request or by an equal one, while it can be exchanged. */
function codeOf(admin: Admin, { grant, client, user, now }: TokenView): Record<string, unknown> {
  if (grant.status === 'unknown') throw new Unsettled('the authorization turned out void')
  if (grant.status !== 'authorized' || now >= codeUntil(grant) || deadBecause({ grant, client, user }))
    throw new OAuthError('conflict', 'the code of this Idempotency-Key was exchanged, or has ended, since')
  const { grant_id, scope, code_exp, code } = grant
  return {
    code: formatToken(admin.keys, 'ac', { kid: code.kid, grant_id, generation: 0 }),
    expires_in: code_exp - Math.floor(now / 1000),
    redirect_uri: code.redirect_uri ?? client?.value?.redirect_uris[0],
    scope,
    grant_id,
  }
}
