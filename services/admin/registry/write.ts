import { eventContext } from '../../../shared/callers/event-context.ts'
import { type Bearer, requireRight } from '../../../shared/callers/require-right.ts'
import type { HttpContext } from '../../../shared/http/context.ts'
import { OAuthError, type OAuthErrorCode } from '../../../shared/http/oauth-error.ts'
import {
  guardedGroupsOf,
  needsGuard,
  removesLastAdministrator,
  viewAfter,
} from '../../../shared/ledger/access/guard.ts'
import type { EntityFact } from '../../../shared/ledger/events.ts'
import { GUARD_RESOURCE } from '../../../shared/ledger/registry/predefined.ts'
import {
  lives,
  type RegistryEntity,
  registryKeyOf,
  registryValueOf,
  type RegistryView,
  uniqueNameOf,
} from '../../../shared/ledger/registry/state.ts'
import { commitAndRead, type Committed } from '../../../shared/read-model/commit/commit.ts'
import { requireRecent } from '../../../shared/read-model/reads/freshness.ts'
import type { RegistryQuestion, RegistryRead } from '../../../shared/read-model/reads/registry.ts'
import { Contradiction } from '../../../shared/read-model/unsettled.ts'
import type { Admin } from '../admin.ts'
import type { Precondition } from './preconditions.ts'

/** A fact about an entity that has revisions. */
export type RevisedFact = Exclude<EntityFact, { type: 'LedgerCreated' }>

/** A write to one entity of the registry, ready to be decided. */
export type Change = {
  key: string
  /** What must be read to decide it. */
  question: Partial<RegistryQuestion>
  precondition: Precondition | null
  /** The fact that makes this revision. `entity`: as it stands. */
  fact: (revision: number, entity: RegistryEntity | undefined) => RevisedFact
  /** What the change names and is not there, each as `path: what is wrong`. */
  problems: (view: RegistryView) => string[]
  /** The error code of such problems. */
  error: OAuthErrorCode
}

/**
 * Read → decide → append → wait → answer with the entity as it is then. Whatever touches or reaches `ledger.*` needs
 * the guard's right too. OAuthError: 400 names what is not there, 403, 404 from `fact`, 409 a taken name or the last
 * administrator, 412 another revision. Nothing is appended then.
 */
export async function writeEntity(
  admin: Admin,
  ctx: HttpContext,
  bearer: Bearer,
  change: Change,
): Promise<RegistryEntity> {
  const read = await readForWrite(admin, change)
  if (!needsGuard(read.view, factOf(change, read))) return commitChange(admin, ctx, bearer, { change, read })
  await requireRight(admin, ctx, GUARD_RESOURCE)
  return admin.serially(async () => {
    const latest = await readForWrite(admin, change)
    await requireAdministratorLeft(admin, latest.view, factOf(change, latest))
    return commitChange(admin, ctx, bearer, { change, read: latest })
  })
}

async function readForWrite(admin: Admin, { question }: Change): Promise<RegistryRead> {
  const read = await admin.registry.read(question)
  requireRecent(read.checkpoint, read.now, admin.maxLagMs)
  return read
}

function factOf({ fact, key }: Change, { entities }: RegistryRead): RevisedFact {
  const entity = entities.get(key)
  return fact((entity?.revision ?? 0) + 1, entity)
}

async function requireAdministratorLeft(admin: Admin, view: RegistryView, fact: EntityFact): Promise<void> {
  const groups = [...guardedGroupsOf(view), ...guardedGroupsOf(viewAfter(view, fact))]
  const { clients, users } = await admin.registry.members([...new Set(groups)])
  const whole = {
    ...view,
    clients: [
      ...view.clients,
      ...clients.filter(({ client_id }) => !view.clients.some((c) => c.client_id === client_id)),
    ],
    users: [...view.users, ...users.filter(({ sub }) => !view.users.some((user) => user.sub === sub))],
  }
  if (removesLastAdministrator(whole, fact))
    throw new OAuthError('conflict', 'nobody could administer the ledger any more')
}

type Decided = { change: Change; read: RegistryRead }

async function commitChange(
  admin: Admin,
  ctx: HttpContext,
  bearer: Bearer,
  { change, read }: Decided,
): Promise<RegistryEntity> {
  const problems = change.problems(read.view)
  if (problems.length > 0) throw new OAuthError(change.error, problems.join('; '))
  if (change.precondition?.(read.entities.get(change.key)) === false) throw changedMeanwhile()
  const fact = factOf(change, read)
  requireFreeName(read, fact)
  const written = { fact, context: eventContext(ctx, bearer.principal), decidedOn: read.checkpoint }
  const { view: after, committed } = await commitAndRead(admin.commit, written, () => {
    return admin.registry.read(change.question)
  })
  const entity = after.entities.get(change.key)
  if (entity && (await isOurs(admin, entity, committed))) return entity
  // Void: somebody else's event came first, for this entity or for its name.
  if (entity && entity.revision >= fact.data.revision) throw changedMeanwhile()
  requireFreeName(after, fact)
  // Who gave the name up again meanwhile is 503, too: repeating the write is right then.
  throw new Contradiction('read_model_contradicts', `a write of ${change.key} was folded, and is nowhere to be seen`)
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

function requireFreeName({ entities }: RegistryRead, fact: EntityFact): void {
  const name = uniqueNameOf(registryValueOf(fact))
  if (name === null) return
  const others = [...entities.values()].filter((entity) => lives(entity) && entity.key !== registryKeyOf(fact))
  if (others.some((entity) => uniqueNameOf(entity) === name)) throw nameTaken()
}

function changedMeanwhile(): OAuthError {
  return new OAuthError('precondition_failed', 'this is not the current revision: read it again')
}

function nameTaken(): OAuthError {
  return new OAuthError('conflict', 'this name is taken')
}
