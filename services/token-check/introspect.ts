import { readClientCredentials } from '../../shared/callers/client-credentials.ts'
import type { HttpMiddleware } from '../../shared/http/context.ts'
import { readForm, required } from '../../shared/http/input/form-body.ts'
import { isUsableAt } from '../../shared/ledger/access/decision.ts'
import { bearerFacts } from './bearer-facts.ts'
import { ask, examine, resourceServerFolders } from './examine.ts'
import type { TokenCheck } from './token-check.ts'

/**
 * POST /oauth2/introspect (RFC 7662). The caller is a resource server, and sees only tokens that are usable at it; any
 * other is `{"active":false}` and nothing else (§2.2). `token_type_hint` is not needed: the token tells its kind.
 */
export function introspect(check: TokenCheck): HttpMiddleware {
  return async (ctx) => {
    const form = await readForm(ctx)
    const credentials = readClientCredentials(ctx.get('authorization'), form, ctx.path)
    const question = { token: required(form, 'token'), resource: null, fullyConsistent: false }
    const asked = ask(check, credentials.client_id, question)
    const first = await asked.read()
    const folders = await resourceServerFolders(check, ctx, credentials, first)
    const examined = await examine(check, asked, first)
    const facts = bearerFacts(examined)
    const usable = facts && isUsableAt(folders, facts.scope, examined.view.scopes)
    ctx.body = usable ? { active: true, ...facts, iss: check.issuer } : { active: false }
  }
}
