import { authenticateCaller } from '../../shared/callers/authenticate-client.ts'
import type { ClientCredentials } from '../../shared/callers/client-credentials.ts'
import { countingScope, inactiveBecause } from '../../shared/callers/judge-bearer.ts'
import type { HttpContext } from '../../shared/http/context.ts'
import { OAuthError } from '../../shared/http/oauth-error.ts'
import type { AccessView } from '../../shared/read-model/reads/access.ts'
import { TO_USE, TO_USE_CONSISTENTLY } from '../../shared/read-model/reads/settled.ts'
import { readSettledToken } from '../../shared/read-model/reads/settled-token.ts'
import type { GenerationRow } from '../../shared/read-model/reads/tokens.ts'
import { presentedToken, type PresentedToken } from '../../shared/tokens/token-string.ts'
import type { TokenCheck } from './token-check.ts'

// One read serves both the caller and the question, and a caller may have many questions: `ask` each, read them
// together (reads of one turn are one statement), prove the caller once with any of the views, then `examine` each.

/** What a resource server wants to know of a token; `resource: null` = nothing but whether it is active. */
export type Question = { token: string; resource: string | null; fullyConsistent: boolean }

/** A question, ready to be read. `presented: null`: that is no access token of ours. */
export type AskedQuestion = {
  presented: PresentedToken | null
  fullyConsistent: boolean
  read: () => Promise<AccessView>
}

/** A question with its answer so far: what is known of the token, and whether it is active. */
export type Examined = {
  view: AccessView
  /** With what of its scope counts. */
  row: GenerationRow | null
  /** `null` = active; else why not, in a stable word. */
  inactive: string | null
}

/** Prepares a caller's question: the token is parsed, and its MAC checked. */
export function ask(check: TokenCheck, client_id: string, { token: text, resource, fullyConsistent }: Question) {
  const token = presentedToken(check.keys, text)
  const presented = token?.kind === 'at' ? token : null
  const key = { client_id, grant_id: presented?.grant_id ?? null, generation: presented?.generation ?? 0, resource }
  return { presented, fullyConsistent, read: () => check.read(key) } satisfies AskedQuestion
}

/** The folders of the resource server that calls. OAuthError: 401 is about the caller only, 403 when it is none. */
export async function resourceServerFolders(
  check: TokenCheck,
  ctx: HttpContext,
  credentials: ClientCredentials,
  view: AccessView,
): Promise<string[]> {
  const { resource_server_folders } = await authenticateCaller(ctx, check, credentials, view)
  if (resource_server_folders) return resource_server_folders
  throw new OAuthError('access_denied', 'this client is not registered as a resource server', { status: 403 })
}

const NOT_OURS = 'not_an_access_token'

/**
 * Looks at the token, once the read model is known to be recent enough to say either yes or no; Unsettled until then.
 */
export async function examine(check: TokenCheck, asked: AskedQuestion, first: AccessView): Promise<Examined> {
  const { presented, fullyConsistent, read } = asked
  const purpose = fullyConsistent ? TO_USE_CONSISTENTLY : TO_USE
  const { view, token } = await readSettledToken(check, { purpose, presented, first, read })
  if (!token) return { view, row: null, inactive: NOT_OURS }
  const made = view.generations.get(token.generation)
  const row = made ? { ...made, scope: countingScope(view, made.scope) } : null
  return { view, row, inactive: inactiveBecause(view, token) }
}
