import { eventContext } from '../../../shared/callers/event-context.ts'
import { type Bearer, requireRight } from '../../../shared/callers/require-right.ts'
import type { HttpContext } from '../../../shared/http/context.ts'
import { OAuthError, type OAuthErrorCode } from '../../../shared/http/oauth-error.ts'
import { standingAfter } from '../../../shared/ledger/access/administrators.ts'
import { needsGuard } from '../../../shared/ledger/access/guard.ts'
import type { EntityFact, Revised } from '../../../shared/ledger/events.ts'
import { foldedUsername } from '../../../shared/ledger/registry/folded-username.ts'
import { GUARD_RESOURCE } from '../../../shared/ledger/registry/predefined.ts'
import {
  lives,
  type RegistryEntity,
  registryKeyOf,
  registryValueOf,
  type RegistryView,
  uniqueAccountsOf,
  uniqueNameOf,
} from '../../../shared/ledger/registry/state.ts'
import { commitAndRead, type Committed } from '../../../shared/read-model/commit/commit.ts'
import { requireRecent } from '../../../shared/read-model/reads/freshness.ts'
import type { RegistryQuestion, RegistryRead } from '../../../shared/read-model/reads/registry.ts'
import { Contradiction, Unsettled } from '../../../shared/read-model/unsettled.ts'
import type { Admin } from '../admin.ts'
import { requireAdministratorLeft } from '../standing.ts'
import { sealed } from './sealed.ts'
import { keepingUnknown } from './keep-unknown.ts'
import type { Precondition } from './preconditions.ts'

/** A fact about an entity that has revisions. */
export type RevisedFact = Exclude<EntityFact, { type: 'LedgerCreated' }>

/** A write to one entity of the registry, ready to be decided. */
export type Change = {
  key: string
  /** What must be read to decide it. */
  question: Partial<RegistryQuestion>
  /** The user name that it gives: taken, if another has it in any letter case, in whatever version of its record. */
  username?: string
  precondition: Precondition | null
  /** The fact that makes this revision. `entity`: as it stands; `now`: the database's clock in ms. */
  fact: (revised: Revised, entity: RegistryEntity | undefined, now: number) => RevisedFact
  /** What the change names and is not there, each as `path: what is wrong`. */
  problems: (view: RegistryView) => string[]
  /** Throws where something stands against it that the view does not show. */
  requireFree?: () => Promise<void>
  /** The id of its event, where a repeated request must be able to tell that the event is its own. */
  event_id?: string
  /** Decided under the guard's counter also where the guard's right is not needed. */
  underGuard?: boolean
  /** The error code of such problems. */
  error: OAuthErrorCode
}

/**
 * Read → decide → append → wait → answer with the entity as it is then. Whatever touches or reaches `ledger.*` needs
 * the guard's right too, and is decided anew where another such write came first. OAuthError: 400 names what is not
 * there, 403, 404 from `fact`, 409 a taken name or the last administrator, 412 another revision. Nothing is appended
 * then.
 */
export async function writeEntity(
  admin: Admin,
  ctx: HttpContext,
  bearer: Bearer,
  change: Change,
): Promise<RegistryEntity> {
  const { read, fact } = await decide(admin, change, { isGuarded: false })
  const isGuarded = needsGuard(read.view, fact)
  if (isGuarded) await requireRight(admin, ctx, GUARD_RESOURCE)
  if (isGuarded || change.underGuard) return admin.serially(() => writeGuarded(admin, ctx, bearer, change))
  const entity = await commitChange(admin, ctx, bearer, { change, read, fact })
  return entity ?? notSeen(change)
}

const ATTEMPTS = 10

/**
 * Decides under the guard's counter, as often as another guarded write comes first. The right is asked after the read:
 * whoever lost it before is refused, and whoever loses it later has moved the counter.
 */
async function writeGuarded(admin: Admin, ctx: HttpContext, bearer: Bearer, change: Change): Promise<RegistryEntity> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const { read, fact } = await decide(admin, change, { isGuarded: true })
    if (!change.underGuard || needsGuard(read.view, fact)) await requireRight(admin, ctx, GUARD_RESOURCE)
    await requireAdministratorLeft(admin, read, (standing) => standingAfter(standing, fact))
    const entity = await commitChange(admin, ctx, bearer, { change, read, fact })
    if (entity) return entity
  }
  throw new Unsettled(`${ATTEMPTS} times another guarded write came first`)
}

/** The fact, sealed, and what it was decided on: also who holds its name, by the name key that it was sealed with. */
async function decide(
  admin: Admin,
  change: Change,
  { isGuarded }: { isGuarded: boolean },
): Promise<{ read: RegistryRead; fact: RevisedFact }> {
  const { username } = change
  const index = username === undefined ? null : await admin.people.likelyIndexOf(username)
  const read = await admin.registry.read(questionOf(change, index))
  requireRecent(read.checkpoint, read.now, admin.maxLagMs)
  const fact = await factOf(admin, change, read, isGuarded ? read.guard_revision : undefined)
  return index === null || index === indexIn(fact) ? { read, fact } : decide(admin, change, { isGuarded })
}

/** A person whose name cannot be read is found by its index. */
function questionOf({ question }: Change, index: string | null): Partial<RegistryQuestion> {
  return index === null ? question : { ...question, username_indexes: [index] }
}

function indexIn({ data }: RevisedFact): string | null {
  return 'user' in data ? (data.user.username_index ?? null) : null
}

async function factOf(
  { people }: Admin,
  { fact, key }: Change,
  { entities, now }: RegistryRead,
  guard_revision?: number,
): Promise<RevisedFact> {
  const entity = entities.get(key)
  const revised = { revision: (entity?.revision ?? 0) + 1, guard_revision }
  return sealed(people, keepingUnknown(fact(revised, entity, now), entity), entity)
}

type Decided = { change: Change; read: RegistryRead; fact: RevisedFact }

/** Appends what was decided, and answers the entity as our event made it; `null` = the guard's counter had moved. */
async function commitChange(
  admin: Admin,
  ctx: HttpContext,
  bearer: Bearer,
  { change, read, fact }: Decided,
): Promise<RegistryEntity | null> {
  const problems = change.problems(read.view)
  if (problems.length > 0) throw new OAuthError(change.error, problems.join('; '))
  if (change.precondition?.(read.entities.get(change.key)) === false) throw changedMeanwhile()
  await change.requireFree?.()
  requireFreeName(read, fact, change)
  const { event_id: id } = change
  const context = { ...eventContext(ctx, bearer.principal), ...(id !== undefined && { id }) }
  const written = { fact, context, decidedOn: read.checkpoint }
  const question = questionOf(change, change.username === undefined ? null : indexIn(fact))
  const { view: after, committed } = await commitAndRead(admin.commit, written, () => admin.registry.read(question))
  const entity = after.entities.get(change.key)
  if (entity && (await isOurs(admin, entity, committed))) return entity
  // Void: somebody else's event came first, for this entity or for its name.
  if (entity && entity.revision >= fact.data.revision) throw changedMeanwhile()
  requireFreeName(after, fact, change)
  const { guard_revision = Infinity } = fact.data
  return after.guard_revision > guard_revision ? null : notSeen(change)
}

// Who gave the name up again meanwhile is 503, too: repeating the write is right then.
function notSeen({ key }: Change): never {
  throw new Contradiction('read_model_contradicts', `a write of ${key} was folded, and is nowhere to be seen`)
}

/**
 * Whether our event made this revision: where the log says it is, or as a copy before, since Kafka may be sent it
 * twice.
 */
async function isOurs(
  admin: Admin,
  { last_offset }: RegistryEntity,
  { event_id, position }: Committed,
): Promise<boolean> {
  if (last_offset >= position.offset) return last_offset === position.offset
  return (await admin.eventIdAt(last_offset)) === event_id
}

function requireFreeName({ entities }: RegistryRead, fact: EntityFact, { username }: Change): void {
  const change = registryValueOf(fact)
  const others = [...entities.values()].filter((entity) => lives(entity) && entity.key !== registryKeyOf(fact))
  const accounts = new Set(others.flatMap(uniqueAccountsOf))
  if (uniqueAccountsOf(change).some((account) => accounts.has(account))) throw accountTaken()
  const name = uniqueNameOf(change)
  if (name === null) return
  const folded = username === undefined ? null : foldedUsername(username)
  if (others.some((entity) => uniqueNameOf(entity) === name || shownName(entity) === folded)) throw nameTaken()
}

/** The folded name of a user, where it is shown: a record may have it in clear, or an index of another name key. */
function shownName({ kind, person }: RegistryEntity): string | undefined {
  const username = kind === 'user' ? person?.username : null
  return username == null ? undefined : foldedUsername(username)
}

function changedMeanwhile(): OAuthError {
  return new OAuthError('precondition_failed', 'this is not the current revision: read it again')
}

function accountTaken(): OAuthError {
  return new OAuthError('conflict', 'another user signs in with this account')
}

function nameTaken(): OAuthError {
  return new OAuthError('conflict', 'this name is taken')
}
