import { createAssertions } from '../../shared/callers/client-assertion.ts'
import type { HttpRouter } from '../../shared/http/context.ts'
import { limitsOf, provingUsersOf, type Runtime } from '../../shared/process/runtime.ts'
import { createLoginReader } from '../../shared/read-model/passwords/read-login.ts'
import { createTokenReader } from '../../shared/read-model/reads/tokens.ts'
import { tokenEndpointRoutes } from './app.ts'

/** Wires the token endpoint to a runtime and mounts its routes. */
export function mountTokenEndpoint(runtime: Runtime, router: HttpRouter): void {
  const { settings, knex, commit, clocks, people, noteProof } = runtime
  const patience = { patienceMs: settings.APPEND_TIMEOUT * 1000 }
  const endpoint = {
    ...provingUsersOf(runtime),
    read: createTokenReader(runtime, patience),
    readLogin: createLoginReader(runtime, patience),
    people,
    commit,
    clocks,
    limits: limitsOf(runtime),
    assertions: createAssertions({ knex, issuer: settings.ISSUER }),
    noteProof,
    requirePost: settings.REQUIRE_POST,
  }
  const { ISSUER: issuer, SERVICE_DOCUMENTATION: documentation, ALLOW_PLAIN_PKCE: isPlainAllowed } = settings
  tokenEndpointRoutes(router, endpoint, { issuer, documentation, isPlainAllowed })
}
