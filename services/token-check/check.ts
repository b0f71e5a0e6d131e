import { z } from 'zod'
import { readClientCredentials } from '../../shared/callers/client-credentials.ts'
import { decideForBearer } from '../../shared/callers/judge-bearer.ts'
import type { HttpMiddleware } from '../../shared/http/context.ts'
import type { Form } from '../../shared/http/input/form-body.ts'
import { readJson } from '../../shared/http/input/json-body.ts'
import { OAuthError } from '../../shared/http/oauth-error.ts'
import { includes, isUsableAt } from '../../shared/ledger/access/decision.ts'
import { isResourceName, RESOURCE_NAME_RULE } from '../../shared/ledger/access/resource-name.ts'
import { bearerFacts } from './bearer-facts.ts'
import { ask, examine, resourceServerFolders, type Examined } from './examine.ts'
import type { TokenCheck } from './token-check.ts'

/** The body of POST /check. */
export const QUESTION = z.strictObject({
  token: z.string().min(1).max(4096),
  resource: z.string().refine(isResourceName, RESOURCE_NAME_RULE),
  consistency: z.enum(['minimize_latency', 'fully_consistent']).default('minimize_latency'),
  client_id: z.string().max(200).optional(),
  client_secret: z.string().max(200).optional(),
  client_assertion_type: z.string().max(200).optional(),
  client_assertion: z.string().max(20_000).optional(),
})

/**
 * POST /check: may this bearer use this folder or service, now? The caller is a resource server, authenticated as it is
 * registered: by Basic, or by what would stand in a form (`client_id` and `client_secret`, or an assertion) beside the
 * question. It asks about its own folders only. Always 200 with the decision, its reason and what it rests on.
 */
export function check(tokenCheck: TokenCheck): HttpMiddleware {
  return async (ctx) => {
    const body = await readJson(ctx, QUESTION)
    const { token, resource, consistency } = body
    const credentials = readClientCredentials(ctx.get('authorization'), formOf(body), ctx.path)
    const question = { token, resource, fullyConsistent: consistency === 'fully_consistent' }
    const asked = ask(tokenCheck, credentials.client_id, question)
    const view = await asked.read()
    const folders = await resourceServerFolders(tokenCheck, ctx, credentials, view)
    const examined = await examine(tokenCheck, asked, view)
    if (!folders.some((folder) => includes(folder, resource)))
      throw new OAuthError('access_denied', `this resource server does not guard ${resource}`, { status: 403 })
    ctx.body = answer(examined, folders, resource)
  }
}

/** As in a form, a member without a value is not there (RFC 6749 §3.2). */
function formOf(members: Record<string, string | undefined>): Form {
  return Object.fromEntries(Object.entries(members).flatMap(([name, value]) => (value ? [[name, value]] : [])))
}

const INACTIVE = { allowed: false, active: false, code: 'inactive' }

/**
 * A token that is not usable at the caller is answered like one that never was, as introspection does: nothing of it is
 * told, not even whether it is ours.
 */
function answer(examined: Examined, folders: string[], resource: string) {
  const { view, row, inactive } = examined
  const decided = { resource, decided_at: new Date(view.now).toISOString() }
  if (!row || !isUsableAt(folders, row.scope, view.scopes))
    return { ...INACTIVE, reason: 'the token is not active', ...decided }
  const positions = { grants_position: view.checkpoint.next, registry_position: view.registry.next }
  const facts = bearerFacts(examined)
  if (!facts) return { ...INACTIVE, reason: `the token is not active: ${inactive}`, ...decided, ...positions }
  const { allowed, code, reason, ...grounds } = decideForBearer(view, facts.scope, resource)
  return { allowed, active: true, code, reason, ...facts, ...decided, ...positions, grounds }
}
