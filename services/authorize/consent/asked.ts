import type { Client } from '../../../shared/ledger/events.ts'
import { formatScope, grantedScope, parseScope } from '../../../shared/ledger/scope.ts'
import type { AskedScope } from '../pages/consent.tsx'
import type { Authorize, Session } from '../authorize.ts'
import type { AuthorizationRequest } from '../request/authorization-request.ts'

/** What is asked for, as a person sees it, and whether one grant of before covers it all. */
export type AskedScopes = { scopes: AskedScope[]; covered: boolean }

type Asking = { client: Client; request: AuthorizationRequest; session: Session }

/** Reads what the asked scopes open, and what the user allowed this client before. */
export async function askedOf(authorize: Authorize, { client, request, session }: Asking): Promise<AskedScopes> {
  const names = parseScope(grantedScope(request.scope, client.scope) ?? '') ?? []
  const { scopes, granted } = await authorize.readConsents({ client_id: client.client_id, sub: session.sub, names })
  const before = new Set(granted.flat())
  const covered = granted.some((one) => names.every((name) => one.includes(name)))
  const asked = names.map((name) => {
    const scope = scopes.find((one) => one.name === name)
    const isNew = before.size > 0 && !before.has(name)
    return { name, description: scope?.description, opens: scope?.includes ?? [], ticked: true, isNew }
  })
  return { scopes: asked, covered }
}

/** Whether nobody need be asked. Of a public client anybody can say that they are it (RFC 6749 §10.2). */
export function isRemembered({ covered }: AskedScopes, client: Client, { prompt }: AuthorizationRequest): boolean {
  return covered && client.client_type === 'confidential' && !prompt.includes('consent')
}

/** What of the asked scopes was ticked, as a scope. */
export function allowedOf({ scopes }: Pick<AskedScopes, 'scopes'>, ticked: readonly string[]): string {
  return formatScope(scopes.map(({ name }) => name).filter((name) => ticked.includes(name)))
}
