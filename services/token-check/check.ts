import { z } from 'zod'
import { readClientCredentials } from '../../shared/callers/client-credentials.ts'
import { decideForBearer } from '../../shared/callers/judge-bearer.ts'
import type { HttpMiddleware } from '../../shared/http/context.ts'
import { readJson } from '../../shared/http/input/json-body.ts'
import { OAuthError } from '../../shared/http/oauth-error.ts'
import { includes } from '../../shared/ledger/access/decision.ts'
import { isResourceName, RESOURCE_NAME_RULE } from '../../shared/ledger/access/resource-name.ts'
import { bearerFacts } from './bearer-facts.ts'
import { ask, examine, resourceServerFolders, type Examined } from './examine.ts'
import type { TokenCheck } from './token-check.ts'

const QUESTION = z.strictObject({
  token: z.string().min(1).max(4096),
  resource: z.string().refine(isResourceName, RESOURCE_NAME_RULE),
  consistency: z.enum(['minimize_latency', 'fully_consistent']).default('minimize_latency'),
})

/**
 * POST /check: may this bearer use this folder or service, now? The caller is a resource server, authenticated by
 * Basic, and asks about its own folders only. Always 200 with the decision, its reason and what it rests on.
 */
export function check(tokenCheck: TokenCheck): HttpMiddleware {
  return async (ctx) => {
    const { token, resource, consistency } = await readJson(ctx, QUESTION)
    const credentials = readClientCredentials(ctx.get('authorization'), {})
    const question = { token, resource, fullyConsistent: consistency === 'fully_consistent' }
    const asked = ask(tokenCheck, credentials.client_id, question)
    const view = await asked.read()
    const folders = resourceServerFolders(tokenCheck, ctx, credentials, view)
    const examined = await examine(tokenCheck, asked, view)
    if (!folders.some((folder) => includes(folder, resource)))
      throw new OAuthError('access_denied', `this resource server does not guard ${resource}`, { status: 403 })
    ctx.body = answer(examined, resource)
  }
}

function answer(examined: Examined, resource: string) {
  const { view, inactive } = examined
  const facts = bearerFacts(examined)
  const positions = { grants_position: view.checkpoint.next, registry_position: view.registry.next }
  const decided = { resource, decided_at: new Date(view.now).toISOString(), ...positions }
  if (!facts)
    return {
      allowed: false,
      active: false,
      code: 'inactive',
      reason: `the token is not active: ${inactive}`,
      ...decided,
    }
  const { allowed, code, reason, ...grounds } = decideForBearer(view, facts.scope, resource)
  return { allowed, active: true, code, reason, ...facts, ...decided, grounds }
}
