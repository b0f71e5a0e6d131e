import { z } from 'zod'
import { type Bearer, requireRight } from '../../../shared/callers/require-right.ts'
import type { HttpContext, HttpMiddleware } from '../../../shared/http/context.ts'
import { readJson } from '../../../shared/http/input/json-body.ts'
import { OAuthError } from '../../../shared/http/oauth-error.ts'
import { registryKey } from '../../../shared/ledger/registry/kinds.ts'
import type { RegistryEntity } from '../../../shared/ledger/registry/state.ts'
import { type ExternalAccount, externalOf, isSameAccount, MOST_ACCOUNTS } from '../../../shared/ledger/user.ts'
import type { Admin } from '../admin.ts'
import { USERS } from '../kinds/users.ts'
import { nameFrom, TEXT } from '../names.ts'
import { readLiving } from '../registry/entities.ts'
import { NO_SUCH_USER } from '../registry/forget.ts'
import { etagOf } from '../registry/preconditions.ts'
import { writeEntity } from '../registry/write.ts'

const ISSUER = TEXT.refine(
  isIssuer,
  'must be the issuer as the provider says it: an https URL without query or fragment',
)
const UPSTREAM_SUB = z
  .string()
  .min(1)
  .max(255)
  .meta({ description: 'What the issuer calls the person, to the letter.' })

/** The account elsewhere that somebody signs in with. */
export const LINK = z.strictObject({ issuer: ISSUER, sub: UPSTREAM_SUB })

/** The account to take away; without `sub` all of this issuer. */
export const UNLINK = z.strictObject({ issuer: ISSUER, sub: UPSTREAM_SUB.optional() })

function isIssuer(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, username, password } = new URL(text)
  return ['https:', 'http:'].includes(protocol) && !/[?#]/.test(text) && username === '' && password === ''
}

/** GET /admin/users/:sub/external: at which issuers the user has an account to sign in with. 404. */
export function listExternal(admin: Admin): HttpMiddleware {
  return async (ctx) => {
    await requireRight(admin, ctx, USERS.right)
    const sub = nameFrom(ctx, USERS.id, USERS.form)
    answer(ctx, await readLiving(admin, USERS, sub, admin.checkMaxLagMs))
  }
}

/**
 * POST /admin/users/:sub/external/link {issuer, sub}: from then on the user signs in with this account; may be
 * repeated. What the issuer calls the person is stored nowhere, only its index. For a user who reaches `ledger.*` it
 * needs the guard's right as well. OAuthError: 400, 401, 403, 404, 409 where another user has the account, 412.
 */
export function linkExternal(admin: Admin): HttpMiddleware {
  return async (ctx) => {
    const { bearer, sub, user } = await asked(admin, ctx)
    const body = await readJson(ctx, LINK)
    const account = await admin.people.externalAccount(body.issuer, body.sub)
    const isThis = isSameAccount(account)
    if (externalIn(user).some(isThis)) return answer(ctx, user)
    const change = (before: readonly ExternalAccount[]) => [...before.filter((one) => !isThis(one)), account]
    answer(ctx, await write(admin, ctx, bearer, { sub, change, claimed: [account.sub_index] }))
  }
}

/** POST /admin/users/:sub/external/unlink {issuer, sub?}: takes it away, and what was granted goes on. As linking. */
export function unlinkExternal(admin: Admin): HttpMiddleware {
  return async (ctx) => {
    const { bearer, sub, user } = await asked(admin, ctx)
    const body = await readJson(ctx, UNLINK)
    const account = body.sub === undefined ? null : await admin.people.externalAccount(body.issuer, body.sub)
    const isThis = account ? isSameAccount(account) : ({ issuer }: ExternalAccount) => issuer === body.issuer
    if (!externalIn(user).some(isThis)) return answer(ctx, user)
    const change = (before: readonly ExternalAccount[]) => before.filter((one) => !isThis(one))
    answer(ctx, await write(admin, ctx, bearer, { sub, change, claimed: [] }))
  }
}

async function asked(admin: Admin, ctx: HttpContext) {
  const bearer = await requireRight(admin, ctx, USERS.right)
  const sub = nameFrom(ctx, USERS.id, USERS.form)
  return { bearer, sub, user: await readLiving(admin, USERS, sub, admin.maxLagMs) }
}

type Write = {
  sub: string
  change: (before: readonly ExternalAccount[]) => ExternalAccount[]
  claimed: string[]
}

function write(admin: Admin, ctx: HttpContext, bearer: Bearer, { sub, change, claimed }: Write) {
  return writeEntity(admin, ctx, bearer, {
    key: registryKey('user', sub),
    question: { subs: [sub], external_indexes: claimed },
    precondition: null,
    error: 'invalid_request',
    problems: () => [],
    fact: (revised, current) => {
      if (current?.kind !== 'user' || !current.value) throw new OAuthError('not_found', NO_SUCH_USER)
      const external = change(externalOf(current.value))
      if (external.length > MOST_ACCOUNTS)
        throw new OAuthError('invalid_request', `a user signs in with ${MOST_ACCOUNTS} accounts at most`)
      return { type: 'UserPut', data: { ...revised, user: { ...current.value, external } } }
    },
  })
}

function externalIn({ kind, value }: RegistryEntity): readonly ExternalAccount[] {
  return kind === 'user' && value ? externalOf(value) : []
}

function answer(ctx: HttpContext, user: RegistryEntity): void {
  ctx.set('ETag', etagOf(user))
  const sub = user.kind === 'user' ? user.value?.sub : undefined
  ctx.body = { sub, external: externalIn(user).map(({ issuer }) => ({ issuer })), revision: user.revision }
}
