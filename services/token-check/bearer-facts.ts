import type { Examined } from './examine.ts'

/** What a resource server may know of an active token: RFC 7662 names. Absent members are not known or do not apply. */
export type BearerFacts = {
  scope: string
  client_id: string
  sub: string
  principal_type: 'user' | 'client'
  username?: string
  token_type: 'Bearer'
  jti: string
  iat: number
  exp?: number
}

/** The facts of an active token; `null` for any other. */
export function bearerFacts({ view, row, inactive }: Examined): BearerFacts | null {
  const { grant, user } = view
  if (inactive !== null || !row || grant.status === 'unknown') return null
  return {
    scope: row.scope,
    client_id: grant.client_id,
    sub: grant.principal.id,
    principal_type: grant.principal.type,
    ...(user?.value && user.person?.username != null && { username: user.person.username }),
    token_type: 'Bearer',
    jti: `${grant.grant_id}.${row.generation}`,
    iat: row.iat,
    ...(row.exp !== null && { exp: row.exp }),
  }
}
