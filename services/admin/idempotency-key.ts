import { randomBytes } from 'node:crypto'
import type { Made } from '../../shared/accounts/idempotent-requests.ts'
import type { Bearer } from '../../shared/callers/require-right.ts'
import type { HttpContext } from '../../shared/http/context.ts'
import { readBody } from '../../shared/http/input/read-body.ts'
import { OAuthError } from '../../shared/http/oauth-error.ts'
import type { Admin } from './admin.ts'

/** What a request makes. `key`: under which its sender may repeat it, `null` = it has no Idempotency-Key. */
export type Repeatable = Made & { principal: string; key: string | null }

/**
 * What this request makes: for one with an Idempotency-Key that is committed, and the same whenever it is repeated.
 * OAuthError: 400 for a key out of form. KeyUsedOtherwise.
 */
export async function repeatable(
  { claimRequest }: Pick<Admin, 'claimRequest'>,
  ctx: HttpContext,
  bearer: Bearer,
  makes: Omit<Made, 'salt'> & Partial<Made>,
): Promise<Repeatable> {
  const made = { salt: randomBytes(16).toString('base64url'), ...makes }
  const principal = `${bearer.principal.type}/${bearer.principal.id}`
  const key = readIdempotencyKey(ctx)
  if (key === null) return { ...made, principal, key }
  const request = { principal, key, route: `${ctx.method} ${ctx.path}`, body: await readBody(ctx) }
  return { ...(await claimRequest(request, made)), principal, key }
}

// A string of RFC 9651 (draft-ietf-httpapi-idempotency-key-header), or the same bare, as many send it.
const QUOTED = /^"([\x20\x21\x23-\x5b\x5d-\x7e]{1,255})"$/
const BARE = /^[\x21\x23-\x2b\x2d-\x5b\x5d-\x7e]{1,255}$/

function readIdempotencyKey(ctx: HttpContext): string | null {
  if (ctx.headers['idempotency-key'] === undefined) return null
  const header = ctx.get('idempotency-key')
  const key = QUOTED.exec(header)?.[1] ?? BARE.exec(header)?.[0]
  if (key === undefined)
    throw new OAuthError('invalid_request', 'Idempotency-Key must be one quoted string of 1 to 255 ASCII characters')
  return key
}
