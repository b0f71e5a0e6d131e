import { namedKid } from '../../../shared/tokens/token-string.ts'
import { dropToken, keptTokens } from './kept-tokens.ts'
import { basicOf, jsonOf, type ServiceAccess, sendTo } from './service-access.ts'

/** How many tokens of the command line's own, that are kept and were made with this key, live. */
export async function countOwn(access: ServiceAccess, kid: number): Promise<number> {
  return (await keptTokens(access)).filter(({ access_token }) => namedKid(access_token) === kid).length
}

/**
 * Revokes the tokens that the command line keeps for this service and client (of this key only, where one is given),
 * and forgets them. One that the service did not take stays kept, so that it can be repeated.
 */
export async function logout(access: ServiceAccess, kid?: number): Promise<number> {
  const tokens = (await keptTokens(access)).filter(
    ({ access_token }) => kid === undefined || namedKid(access_token) === kid,
  )
  for (const { access_token: token, scope } of tokens) {
    const response = await sendTo(access, 'url', '/oauth2/revoke', {
      method: 'POST',
      headers: { authorization: basicOf(access) },
      body: new URLSearchParams({ token, token_type_hint: 'access_token' }),
    })
    await jsonOf(response)
    await dropToken(access, scope)
  }
  return tokens.length
}
