import { z } from 'zod'
import { requireRight } from '../../../shared/callers/require-right.ts'
import type { HttpMiddleware } from '../../../shared/http/context.ts'
import { readJson } from '../../../shared/http/input/json-body.ts'
import { OAuthError } from '../../../shared/http/oauth-error.ts'
import { renewSecret, type SecretRenewal } from '../../../shared/ledger/client.ts'
import type { Client } from '../../../shared/ledger/events.ts'
import { lives } from '../../../shared/ledger/registry/state.ts'
import { hashClientSecret } from '../../../shared/tokens/client-secret.ts'
import type { Admin } from '../admin.ts'
import { repeatable } from '../idempotency-key.ts'
import { nameFrom } from '../names.ts'
import { readLiving } from '../registry/entities.ts'
import { and, etagOf, ofRevision, readIfMatch } from '../registry/preconditions.ts'
import { shown } from '../registry/shown.ts'
import type { Change } from '../registry/write.ts'
import { CLIENT, livingClient } from './client-kind.ts'
import { newSecret, writeClientOnce } from './repeatable.ts'

/** How long the secret of before is valid beside the new one: a day where nobody says, 30 days at the most. */
const OVERLAP = { default: 86_400, max: 30 * 86_400 }

/** How long the secret of before is valid. */
export const RENEWAL = z.strictObject({
  overlap_seconds: z.int().min(0).max(OVERLAP.max).default(OVERLAP.default),
  ends: z.enum(['previous', 'current'], { error: 'must be previous or current' }).optional(),
})

/**
 * POST /admin/clients/:client_id/secret {overlap_seconds?, ends?}: a new secret, which stands in this answer only. The
 * one of before is valid for the overlap, and ends by itself. `If-Match` may say which revision it follows. OAuthError:
 * 400 for a client without a secret, 404, 412, 409 while two are valid and `ends` does not say which of them goes.
 */
export function renewClientSecret(admin: Admin): HttpMiddleware {
  return async (ctx) => {
    const bearer = await requireRight(admin, ctx, CLIENT.right)
    const client_id = nameFrom(ctx, CLIENT.id, CLIENT.form)
    const precondition = ctx.get('if-match') ? readIfMatch(ctx) : lives
    const renewal = await readJson(ctx, RENEWAL)
    const { key, revision } = await readLiving(admin, CLIENT, client_id, admin.maxLagMs)
    const request = await repeatable(admin, ctx, bearer, { id: client_id, revision: revision + 1 })
    const text = newSecret(admin.keys, request)
    const secret = hashClientSecret(admin.keys, text)
    const change: Change = {
      key,
      question: CLIENT.question(client_id),
      precondition: and(precondition, ofRevision(request.key === null ? undefined : request.revision - 1)),
      fact: (revised, entity, now) => ({
        type: 'ClientSecretRenewed',
        data: { ...revised, client: renewed(livingClient(entity), { ...renewal, secret, now }) },
      }),
      problems: () => [],
      error: 'invalid_request',
    }
    const { entity, credentials } = await writeClientOnce(admin, ctx, bearer, { change, request, secret: text })
    ctx.set('ETag', etagOf(entity))
    ctx.body = { ...shown(entity), ...credentials }
  }
}

function renewed(client: Client, renewal: SecretRenewal): Client {
  const decided = renewSecret(client, renewal)
  if (decided.refused === undefined) return decided.client
  if (decided.refused === 'no_secret')
    throw new OAuthError('invalid_request', 'a client that is public, or of private_key_jwt, has no secret')
  throw new OAuthError(
    'conflict',
    'two secrets are valid now: say with "ends" whether the previous or the current ends',
  )
}
