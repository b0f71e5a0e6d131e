import { z } from 'zod'
import type { HttpContext } from '../context.ts'
import { OAuthError } from '../oauth-error.ts'
import { parseJson } from './json-body.ts'
import { isOfType, readBody } from './read-body.ts'

export type JsonObject = { [member: string]: unknown }

const OBJECT = z.record(z.string(), z.unknown())

/**
 * Reads the body of a PATCH: an object of members to set, `null` to remove one (RFC 7396). OAuthError invalid_request:
 * another content type than application/merge-patch+json or application/json, or no object.
 */
export async function readMergePatch(ctx: HttpContext): Promise<JsonObject> {
  if (!isOfType(ctx, 'application/merge-patch+json') && !isOfType(ctx, 'application/json'))
    throw new OAuthError('invalid_request', 'the content type must be application/merge-patch+json')
  return parseJson(await readBody(ctx), OBJECT)
}

/**
 * The object as the patch leaves it: members that it does not name stay, and what it removes is there as undefined, so
 * that one that nobody knows is still seen. A member that is an object is set as a whole.
 */
export function mergePatched(target: JsonObject, patch: JsonObject): JsonObject {
  const set: JsonObject = Object.fromEntries(
    Object.entries(patch).map(([member, value]) => [member, value ?? undefined]),
  )
  return { ...target, ...set }
}
