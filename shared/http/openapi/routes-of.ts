import type { HttpRouter } from '../context.ts'

/** A route as it is mounted. */
export type Route = { method: string; path: string }

/**
 * The routes of a router, GET standing for its HEAD as well. A path that another one spells with an encoded colon is
 * not told again.
 */
export function routesOf(router: HttpRouter): Route[] {
  return router.stack.flatMap(({ methods, path }) => {
    const text = String(path)
    if (/%3a/i.test(text)) return []
    return methods.filter((method) => method !== 'HEAD').map((method) => ({ method, path: text }))
  })
}
