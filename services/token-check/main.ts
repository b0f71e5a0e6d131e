import type { HttpRouter } from '../../shared/http/context.ts'
import { limitsOf, requireKeys, type Runtime } from '../../shared/process/runtime.ts'
import { createAccessReader } from '../../shared/read-model/reads/access.ts'
import { tokenCheckRoutes } from './app.ts'

/** Wires the token-check API to a runtime and mounts its routes. */
export function mountTokenCheck(runtime: Runtime, router: HttpRouter): void {
  const { settings, topics, waiter, logger, noteProof } = runtime
  tokenCheckRoutes(router, {
    read: createAccessReader(runtime, { patienceMs: settings.APPEND_TIMEOUT * 1000 }),
    waiter,
    keys: requireKeys(runtime),
    limits: limitsOf(runtime),
    topics,
    noteProof,
    issuer: settings.ISSUER,
    logger,
    maxLagMs: settings.CHECK_MAX_LAG * 1000,
    timeoutMs: settings.APPEND_TIMEOUT * 1000,
  })
}
