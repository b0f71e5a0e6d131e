import type { HttpMiddleware, HttpRouter } from './context.ts'

// A colon in a path may be sent encoded (RFC 3986 §2.2), and some clients do; `\\:` is one that begins no parameter.
const SEPARATORS = ['/', '\\:', '%3A', '%3a']

/** The paths of a service under its name in webMethods Integration Server: `/invoke/pub.oauth/NAME` and `…:NAME`. */
export function pubOauthPaths(name: string): string[] {
  return SEPARATORS.map((separator) => `/invoke/pub.oauth${separator}${name}`)
}

/** `within`: what each answer is bounded by. `requirePost`: false = GET too, with the parameters in the query. */
type Mounting = { within: HttpMiddleware; requirePost: boolean }

/** Mounts services under these names: the middleware of the standard paths, so the same rules and errors. */
export function mountPubOauth(
  router: HttpRouter,
  services: Readonly<Record<string, HttpMiddleware>>,
  { within, requirePost }: Mounting,
): void {
  for (const [name, service] of Object.entries(services)) {
    router.post(pubOauthPaths(name), within, service)
    if (!requirePost) getAlone(router, pubOauthPaths(name), [within, service])
  }
}

/** GET alone: the router would take HEAD beside it. A GET may make or end a token, and nobody expects that of HEAD. */
export function getAlone(router: HttpRouter, paths: string[], middleware: HttpMiddleware[]): void {
  for (const path of paths) {
    const route = router.register(path, ['GET'], middleware)
    route.methods = route.methods.filter((method) => method !== 'HEAD')
  }
}
