import helmet from 'koa-helmet'
import type { HttpMiddleware } from '../context.ts'

/** Whom an application answers: programs, in JSON, or people in their browsers, with pages. */
export type Audience = 'machines' | 'people'

/**
 * The security headers of every answer, for either audience. `https`: browsers must never come over plain HTTP again.
 */
export function securityHeaders(audience: Audience, https: boolean): HttpMiddleware {
  return helmet({
    strictTransportSecurity: https && { maxAge: 31_536_000 },
    xDnsPrefetchControl: false,
    xDownloadOptions: false,
    xPermittedCrossDomainPolicies: false,
    xXssProtection: false,
    originAgentCluster: false,
    ...POLICIES[audience],
  })
}

/** Nothing may be loaded, framed or sniffed, but for what a page of ours consists of. */
const POLICIES = {
  machines: { contentSecurityPolicy: policy({}) },
  people: {
    // No form-action: browsers hold it against every redirect that follows, and those end at applications of others.
    contentSecurityPolicy: policy({ styleSrc: ["'self'"], imgSrc: ["'self'"], baseUri: ["'none'"] }),
    xFrameOptions: { action: 'deny' },
    // An application may open the login in a window of its own, and must still see it close.
    crossOriginOpenerPolicy: false,
  },
} as const satisfies Record<Audience, Parameters<typeof helmet>[0]>

function policy(allowed: Record<string, string[]>) {
  const directives = { defaultSrc: ["'none'"], ...allowed, frameAncestors: ["'none'"] }
  return { useDefaults: false, directives }
}
