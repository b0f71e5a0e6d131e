import type { HttpContext } from '../../../shared/http/context.ts'
import { OAuthError } from '../../../shared/http/oauth-error.ts'
import { lives, type RegistryEntity } from '../../../shared/ledger/registry/state.ts'

/** What a write demands of the entity as it stands; `null` = nothing. */
export type Precondition = (entity: RegistryEntity | undefined) => boolean

/**
 * The precondition of a PUT (RFC 9110 §13.1): `If-None-Match: *` creates, `If-Match: "revision"` changes. OAuthError:
 * 428 without either (RFC 6585 §3), 400 for both or another form.
 */
export function readPrecondition(ctx: HttpContext): Precondition {
  const match = ctx.get('if-match')
  const noneMatch = ctx.get('if-none-match')
  if (!match && !noneMatch)
    throw new OAuthError(
      'precondition_required',
      'send If-None-Match: * to create, or If-Match with the ETag to change',
    )
  if (match && noneMatch) throw new OAuthError('invalid_request', 'If-Match and If-None-Match exclude each other')
  if (noneMatch === '*') return (entity) => !lives(entity)
  if (noneMatch) throw new OAuthError('invalid_request', 'the only If-None-Match that can be met here is *')
  if (match === '*') return lives
  const tags = match.split(',').map((tag) => tag.trim())
  if (!tags.every((tag) => ETAG_FORM.test(tag)))
    throw new OAuthError('invalid_request', 'If-Match is not a list of ETags')
  return (entity) => lives(entity) && tags.includes(etagOf(entity))
}

// RFC 9110 §8.8.3. A weak one is well-formed, and never matches (§13.1.1).
const ETAG_FORM = /^(W\/)?"[\x21\x23-\x7e]*"$/

/** The strong ETag of an entity: its revision. */
export function etagOf({ revision }: RegistryEntity): string {
  return `"${revision}"`
}
