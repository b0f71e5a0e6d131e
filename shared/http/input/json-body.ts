import type { z } from 'zod'
import { hasUnstorableText } from '../../ledger/storable-text.ts'
import type { HttpContext } from '../context.ts'
import { OAuthError, type OAuthErrorCode } from '../oauth-error.ts'
import { isOfType, readBody } from './read-body.ts'

/**
 * Reads an application/json body of this shape. OAuthError with `code` (default invalid_request): another content type,
 * broken JSON, or a value out of shape, naming each path; 413 when too large.
 */
export async function readJson<T>(
  ctx: HttpContext,
  schema: z.ZodType<T>,
  code: OAuthErrorCode = 'invalid_request',
): Promise<T> {
  if (!isOfType(ctx, 'application/json'))
    throw new OAuthError('invalid_request', 'the content type must be application/json')
  return parseJson(await readBody(ctx), schema, code)
}

/** Parses JSON text of this shape; errors as `readJson`. */
export function parseJson<T>(text: string, schema: z.ZodType<T>, code: OAuthErrorCode = 'invalid_request'): T {
  return parsed(jsonOf(text), schema, code)
}

/** A value of this shape; errors as `readJson`. */
export function parsed<T>(value: unknown, schema: z.ZodType<T>, code: OAuthErrorCode = 'invalid_request'): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const problems = result.error.issues.map(({ path, message }) => `${path.join('.') || 'body'}: ${message}`)
  throw new OAuthError(code, problems.join('; '))
}

function jsonOf(text: string): unknown {
  const value = parse(text)
  if (hasUnstorableText(value)) throw new OAuthError('invalid_request', 'text with U+0000 or half a surrogate pair')
  return value
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new OAuthError('invalid_request', 'the body is not JSON')
  }
}
