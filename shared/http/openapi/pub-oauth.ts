import type { Operation, Operations } from './operation.ts'

/** An operation under both names that it has in webMethods Integration Server (`pubOauthPaths`). */
export function pubOauthOperations(name: string, operation: Operation): Operations {
  return {
    [`POST /invoke/pub.oauth/${name}`]: operation,
    [`POST /invoke/pub.oauth\\:${name}`]: { ...operation, id: `${operation.id}ByColon` },
  }
}
