/** @jsxRuntime automatic @jsxImportSource preact */
import { eventContext } from '../../../shared/callers/event-context.ts'
import type { HttpContext } from '../../../shared/http/context.ts'
import type { Client, Principal } from '../../../shared/ledger/events.ts'
import { revocationOf } from '../../../shared/ledger/grant/commands/revoke.ts'
import { isClosed } from '../../../shared/ledger/grant/sweepable.ts'
import { parseScope } from '../../../shared/ledger/scope.ts'
import { answerPage, seeOther } from '../../../shared/pages/answer-page.ts'
import { say } from '../../../shared/pages/say.tsx'
import { commitAndRead } from '../../../shared/read-model/commit/commit.ts'
import { requireRevoked } from '../../../shared/read-model/commit/require-revoked.ts'
import type { ListedGrant } from '../../../shared/read-model/lists/grant-page.ts'
import { readSettled, TO_END } from '../../../shared/read-model/reads/settled.ts'
import type { TokenView } from '../../../shared/read-model/reads/tokens.ts'
import type { Authorize } from '../authorize.ts'
import { type HeldAccess, YourAccessPage } from '../pages/your-access.tsx'
import { accountProps, hiddenIn, type Own, seeDone } from './own-page.ts'

/** Why such a grant ended, in a stable word. */
const BY_USER = 'ended_by_user'

const GRANT_ID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/

/** Which applications hold access on behalf of who is logged in. */
export async function showAccess(authorize: Authorize, ctx: HttpContext, own: Own): Promise<void> {
  const held = await heldBy(authorize, own.session.sub)
  const action = authorize.paths.account('access')
  const props = { ...accountProps(authorize, own), action, hidden: hiddenIn(authorize, ctx), held }
  answerPage(ctx, <YourAccessPage {...props} />)
}

/** Ends one of them, durable and projected when the next page is shown; sent twice, it has ended. */
export async function endAccess(authorize: Authorize, ctx: HttpContext, { session, form }: Own): Promise<void> {
  const { sub } = session
  const view = await readOwnGrant(authorize, sub, form['grant_id'] ?? '')
  if (!view) return seeOther(ctx, authorize.paths.account('access'))
  const { grant, client, checkpoint, now } = view
  if (grant.status !== 'revoked' && !isClosed(grant, now)) {
    const by: Principal = { type: 'user', id: sub }
    const fact = revocationOf(grant, { reason: BY_USER, revoked_by: by })
    const written = { fact, context: eventContext(ctx, by), decidedOn: checkpoint }
    const read = () => readGrant(authorize, grant.grant_id)
    requireRevoked((await commitAndRead(authorize.commit, written, read)).view.grant, grant)
  }
  const name = client?.value?.client_name ?? grant.client_id
  seeDone(authorize, ctx, 'access', say(authorize.site.texts, 'access_ended', { client: name }))
}

const readGrant = ({ read }: Authorize, grant_id: string) => read({ client_id: null, grant_id, generation: 1 })

type Known = Exclude<TokenView['grant'], { status: 'unknown' }>

/** A grant of this person's; of anybody else's, nothing is told. */
async function readOwnGrant(
  authorize: Authorize,
  sub: string,
  grant_id: string,
): Promise<(TokenView & { grant: Known }) | null> {
  if (!GRANT_ID.test(grant_id)) return null
  const read = () => readGrant(authorize, grant_id)
  const view = await readSettled(authorize, { purpose: TO_END, asked: { grant_id }, first: await read(), read })
  const { grant } = view
  if (grant.status === 'unknown' || grant.principal.type !== 'user' || grant.principal.id !== sub) return null
  return { ...view, grant }
}

const PAGE = 200

/** Nobody reads more than this, and each page is one statement. */
const MOST_PAGES = 5

/** What of a person's grants can be used, or could be, were its client enabled; the newest first. */
async function heldBy(authorize: Authorize, sub: string): Promise<HeldAccess[]> {
  const held: ListedGrant[] = []
  let after: string[] | null = null
  for (let page = 0; page < MOST_PAGES; page++) {
    const { grants, next } = await authorize.grantPage({ filters: { sub }, after, limit: PAGE }, authorize.maxLagMs)
    held.push(...grants.filter((one) => one.principal_type === 'user' && isHeld(one)))
    if (!next) break
    after = next
  }
  if (held.length === 0) return []
  const { entities, view } = await authorize.registry.read({ client_ids: held.map(({ client_id }) => client_id) })
  const described = new Map(view.scopes.map(({ name, description }) => [name, description]))
  return held.reverse().map((one) => {
    const client = entities.get(`client/${one.client_id}`)?.value as Client | null | undefined
    return heldAccess(one, client?.client_name ?? one.client_id, described)
  })
}

function isHeld({ status }: ListedGrant): boolean {
  return status === 'live' || status === 'disabled' || status === 'authorized'
}

function heldAccess(
  { grant_id, scope, status, at }: ListedGrant,
  client: string,
  described: ReadonlyMap<string, string>,
): HeldAccess {
  const scopes = (parseScope(scope) ?? []).map((name) => described.get(name) || name)
  const used = status === 'authorized' ? null : new Date(at)
  return { grant_id, client, scopes, since: new Date(bornAt(grant_id)), used }
}

/** The time in a UUIDv7, in ms (RFC 9562 §5.7). */
function bornAt(uuid: string): number {
  return parseInt(uuid.slice(0, 8) + uuid.slice(9, 13), 16)
}
