import { z } from 'zod'
import type { Operation, Operations } from './operation.ts'

/**
 * An operation under both names that it has in webMethods Integration Server (`pubOauthPaths`); without `requirePost`
 * by GET too, with its form in the query.
 */
export function pubOauthOperations(name: string, operation: Operation, { requirePost = true } = {}): Operations {
  const [slash, colon] = [`/invoke/pub.oauth/${name}`, `/invoke/pub.oauth\\:${name}`]
  const posted = {
    [`POST ${slash}`]: operation,
    [`POST ${colon}`]: { ...operation, id: `${operation.id}ByColon` },
  }
  if (requirePost) return posted
  const { body, ...rest } = operation
  const got = { ...rest, query: queryOf(body?.form) }
  return {
    ...posted,
    [`GET ${slash}`]: { ...got, id: `${operation.id}ByGet` },
    [`GET ${colon}`]: { ...got, id: `${operation.id}ByColonByGet` },
  }
}

/** What proves a client never is in a query. */
function queryOf(form: z.ZodType | undefined): z.ZodObject {
  const shape = form instanceof z.ZodObject ? form.shape : {}
  const isProof = (member: string) => /^(client_secret|client_assertion(_type)?|password)$/.test(member)
  return z.object(Object.fromEntries(Object.entries(shape).filter(([member]) => !isProof(member))))
}
