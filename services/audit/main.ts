import { createRightsCheck, hasRight, requireRight } from '../../shared/callers/require-right.ts'
import type { HttpContext, HttpRouter } from '../../shared/http/context.ts'
import { guardOf, type Runtime } from '../../shared/process/runtime.ts'
import { formatProjectSecrets } from '../../shared/tokens/keys.ts'
import { auditRoutes } from './app.ts'
import { createAudit } from './audit.ts'
import { exportRoute } from './export/route.ts'
import { inWorker } from './worker/in-worker.ts'
import { fewAtOnce, inThisProcess } from './worker/long-audit.ts'

/** Wires the audit API to a runtime and mounts its routes. */
export function mountAudit(runtime: Runtime, router: HttpRouter): void {
  const { settings, knex, log, topics, schema, keys, people } = runtime
  const configured = keys && { kids: keys.kids, keysOf: () => keys }
  const audit = createAudit({ knex, log, topics, schema, people, configured, maxLagMs: settings.MAX_LAG * 1000 })
  const projectSecrets = keys && formatProjectSecrets(keys)
  const guard = guardOf(runtime)
  const guarding = {
    guard: createRightsCheck(guard),
    allows: (ctx: HttpContext, resource: string) => hasRight(guard, ctx, resource),
    timeoutMs: settings.APPEND_TIMEOUT * 1000,
  }
  // The embedded database takes one process.
  const long = fewAtOnce(settings.dev ? inThisProcess(audit) : inWorker({ settings, schema, projectSecrets }))
  auditRoutes(router, { audit, long }, guarding)
  exportRoute(router, {
    readModel: runtime,
    maxLagMs: settings.CHECK_MAX_LAG * 1000,
    opens: people.opens,
    long,
    require: (ctx, resource) => requireRight(guard, ctx, resource),
    logger: runtime.logger,
    timeoutMs: guarding.timeoutMs,
  })
}
