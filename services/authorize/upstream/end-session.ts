import { BY_PROVIDER } from '../../../shared/accounts/sessions/sessions.ts'
import type { Authorize } from '../authorize.ts'
import { ACCOUNT, ACCOUNT_PAGES } from '../paths.ts'

/**
 * Where a logout of a session that a provider opened goes on to, so that the next login there is none without a
 * question; `null`: nowhere. We keep no ID token, so the provider may ask the person before it ends its own session.
 */
export async function endSessionUrlOf(
  { upstream, issuer }: Pick<Authorize, 'upstream' | 'issuer'>,
  amr: readonly string[],
): Promise<string | null> {
  const by = amr.find((one) => one.startsWith(BY_PROVIDER))?.slice(BY_PROVIDER.length)
  const provider = by === undefined ? undefined : upstream.providers.get(by)
  return (await provider?.endSessionUrl(`${issuer}${ACCOUNT}${ACCOUNT_PAGES.logout}`)) ?? null
}
