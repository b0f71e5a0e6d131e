import type { HttpContext } from '../../../shared/http/context.ts'
import { OAuthError } from '../../../shared/http/oauth-error.ts'
import { lives, type RegistryEntity } from '../../../shared/ledger/registry/state.ts'

/** What a write demands of the entity as it stands; `null` = nothing. */
export type Precondition = (entity: RegistryEntity | undefined) => boolean

/** The precondition of a PATCH or DELETE: `If-Match`. OAuthError: 428 without it, 400 for another. */
export function readIfMatch(ctx: HttpContext): Precondition {
  if (ctx.get('if-none-match')) throw new OAuthError('invalid_request', 'If-None-Match is for PUT, which creates')
  if (ctx.get('if-match')) return readPrecondition(ctx)
  throw new OAuthError('precondition_required', 'send If-Match with the ETag of what you read')
}

/** Both must be met. */
export function and(one: Precondition, other: Precondition): Precondition {
  return (entity) => one(entity) && other(entity)
}

/** `revision` as a body repeats it, where it does: that of the entity as it stands. What is created has none yet. */
export function ofRevision(revision: number | undefined): Precondition {
  return (entity) => revision === undefined || !lives(entity) || entity.revision === revision
}

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
  const revisions = tags.map(revisionIn)
  return (entity) => lives(entity) && revisions.includes(String(entity.revision))
}

// RFC 9110 §8.8.3.
const ETAG_FORM = /^(W\/)?"[\x21\x23-\x7e]*"$/

// What a compressing proxy makes of ours: weak (nginx), or with the name of the coding behind it (Apache, Jetty). The
// revision in it says all the same which entity its sender has seen.
const OURS = /^(?:W\/)?"(\d+)(?:--?(?:gzip|br|zstd|deflate))?"$/

function revisionIn(tag: string): string | undefined {
  return OURS.exec(tag)?.[1]
}

/** The strong ETag of an entity: its revision. */
export function etagOf({ revision }: RegistryEntity): string {
  return `"${revision}"`
}
