import type { HttpMiddleware, HttpRouter } from '../../shared/http/context.ts'
import type { Runtime } from '../../shared/process/runtime.ts'
import { auditRoutes } from './app.ts'
import { createAudit } from './audit.ts'

/** Wires the audit API to a runtime and mounts its routes. */
export function mountAudit(
  { settings, knex, log, topics, schema, keys }: Runtime,
  router: HttpRouter,
  guard: (resource: string) => HttpMiddleware,
): void {
  const kids = keys?.kids ?? null
  auditRoutes(router, createAudit({ knex, log, topics, schema, kids, maxLagMs: settings.MAX_LAG * 1000 }), guard)
}
