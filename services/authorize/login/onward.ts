import type { HttpContext } from '../../../shared/http/context.ts'
import type { Form } from '../../../shared/http/input/form-body.ts'
import type { CookieName } from '../../../shared/pages/cookies.ts'
import { type FormPurpose, isCsrfValue, pack, unpack } from '../../../shared/tokens/form-mac.ts'
import type { Authorize } from '../authorize.ts'
import type { AccountPage } from '../paths.ts'
import type { AuthorizationRequest } from '../request/authorization-request.ts'

/** What a login goes on to: the request of a client, or a page of one's own account. */
export type Onward =
  { to: 'client'; request: AuthorizationRequest; client_name: string } | { to: 'account'; page: AccountPage }

const PURPOSE: FormPurpose = 'onward'

/** How long a page may be open before it begins again, in seconds. */
export const FORM_LIFETIME = 3600

/**
 * A request that is longer when it is packed is refused: it goes on in addresses, to a login application and in
 * cookies, and common proxies take 8 KiB of each. One that came in with a query of `MOST_OF_A_QUERY`
 * characters is shorter.
 */
export const MOST_PACKED = 5800

/** What packing adds at most: the key, the time and the MAC. */
const AROUND = 150

/** What comes back by a form or an address. */
export function packOnward({ keys }: Pick<Authorize, 'keys'>, onward: Onward, now = Date.now()): string {
  return pack(keys, PURPOSE, onward, { exp: Math.floor(now / 1000) + FORM_LIFETIME })
}

/** Whether it would be too long when it is packed. Most are short as they are, so need not be packed to know it. */
export function isTooLong(authorize: Pick<Authorize, 'keys'>, onward: Onward): boolean {
  const atMost = Math.ceil(Buffer.byteLength(JSON.stringify(onward)) / 3) * 4 + AROUND
  return atMost > MOST_PACKED && packOnward(authorize, onward).length > MOST_PACKED
}

/** What we packed, and whether that was long ago; `null`: we did not. */
export function unpackOnward(
  { keys }: Pick<Authorize, 'keys'>,
  text: string | undefined,
): { onward: Onward; expired: boolean } | null {
  const unpacked = unpack(keys, PURPOSE, text ?? '', Math.floor(Date.now() / 1000))
  return unpacked && { onward: unpacked.value as Onward, expired: unpacked.expired }
}

/** The address at which a person who is logged in goes on. */
export function addressOf(authorize: Pick<Authorize, 'keys' | 'paths'>, onward: Onward): string {
  const { paths } = authorize
  return onward.to === 'account' ? paths.account(onward.page) : `${paths.goOn}?onward=${packOnward(authorize, onward)}`
}

/** The cookie that forms of before a login belong to; a new one where there is none. */
export function browserOf({ cookies }: Pick<Authorize, 'cookies'>, ctx: HttpContext): string {
  return cookies.read(ctx, 'browser') ?? cookies.renew(ctx, 'browser')
}

/**
 * Whether a form was shown to the browser that sent it. A consent belongs to the browser as well, and names its login
 * besides: whoever logs in again in another tab need not be asked twice.
 */
export function isOfThisBrowser(authorize: Authorize, ctx: HttpContext, form: Form): boolean {
  return isOfCookie(authorize, ctx, 'browser', form)
}

/**
 * Whether a form was made for the cookie of this name that came with it. Of pages that a browser without a cookie opens
 * at once each brings one, and it keeps the last: a form of the others counts where it comes from a page of ours.
 */
export function isOfCookie({ cookies, keys }: Authorize, ctx: HttpContext, cookie: CookieName, form: Form): boolean {
  const id = cookies.read(ctx, cookie)
  if (id === null) return false
  return isCsrfValue(keys, id, form['csrf'] ?? '') || (cookie === 'browser' && isFromOurPage(ctx))
}

/** What no script and no other site can make a browser say (Fetch Metadata); older browsers say nothing. */
function isFromOurPage(ctx: HttpContext): boolean {
  return ctx.get('Sec-Fetch-Site') === 'same-origin'
}
