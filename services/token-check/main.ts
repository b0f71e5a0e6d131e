import { createAssertions } from '../../shared/callers/client-assertion.ts'
import type { HttpRouter } from '../../shared/http/context.ts'
import { limitsOf, requireKeys, type Runtime } from '../../shared/process/runtime.ts'
import { createAccessReader } from '../../shared/read-model/reads/access.ts'
import { tokenCheckRoutes } from './app.ts'

/** Wires the token-check API to a runtime and mounts its routes. */
export function mountTokenCheck(runtime: Runtime, router: HttpRouter): void {
  const { settings, knex, topics, waiter, logger, noteProof } = runtime
  tokenCheckRoutes(router, {
    read: createAccessReader(runtime, { patienceMs: settings.APPEND_TIMEOUT * 1000 }),
    waiter,
    keys: requireKeys(runtime),
    limits: limitsOf(runtime),
    assertions: createAssertions({ knex, issuer: settings.ISSUER }),
    topics,
    noteProof,
    issuer: settings.ISSUER,
    requirePost: settings.REQUIRE_POST,
    logger,
    maxLagMs: settings.CHECK_MAX_LAG * 1000,
    timeoutMs: settings.APPEND_TIMEOUT * 1000,
  })
}
