import { requireKeys, type Runtime } from '../../shared/config/runtime.ts'
import type { HttpMiddleware, HttpRouter } from '../../shared/http/create-app.ts'
import { createAccessReader } from '../../shared/read-model/access-reads.ts'
import { createKeyUseReader } from '../../shared/read-model/key-uses.ts'
import { createRegistryReader } from '../../shared/read-model/registry-reads.ts'
import { createTokenReader } from '../../shared/read-model/token-reads.ts'
import { adminRoutes } from './app.ts'
import { requireRight, type Guard } from './guarded.ts'
import { createSerially } from './serially.ts'

/** Wires the admin API to a runtime and mounts its routes. */
export function mountAdmin(runtime: Runtime, router: HttpRouter): void {
  const { settings, knex, schema, topics, commit } = runtime
  adminRoutes(router, {
    ...guardOf(runtime),
    registry: createRegistryReader(knex, schema, topics),
    tokens: createTokenReader(knex, schema, topics),
    keyUses: createKeyUseReader(knex, schema, topics),
    commit,
    defaults: {
      access_token_lifetime: settings.ACCESS_TOKEN_LIFETIME,
      refresh_token_lifetime: settings.REFRESH_TOKEN_LIFETIME,
      refresh_token_absolute_lifetime: settings.REFRESH_TOKEN_ABSOLUTE_LIFETIME,
      refresh_grace_seconds: {
        confidential: settings.REFRESH_GRACE_CONFIDENTIAL,
        public: settings.REFRESH_GRACE_PUBLIC,
      },
    },
    maxLagMs: settings.MAX_LAG * 1000,
    serially: createSerially(),
  })
}

/** Middleware that lets only bearers through which may use this service of the ledger: for the audit API. */
export function createRightsCheck(runtime: Runtime): (resource: string) => HttpMiddleware {
  const guard = guardOf(runtime)
  return (resource) => async (ctx, next) => {
    await requireRight(guard, ctx, resource)
    await next()
  }
}

function guardOf(runtime: Runtime): Guard {
  const { settings, knex, schema, topics, waiter, logger } = runtime
  return {
    access: createAccessReader(knex, schema, topics),
    waiter,
    keys: requireKeys(runtime),
    topics,
    logger,
    checkMaxLagMs: settings.CHECK_MAX_LAG * 1000,
    timeoutMs: settings.APPEND_TIMEOUT * 1000,
  }
}
