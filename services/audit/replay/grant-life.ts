import type { People } from '../../../shared/accounts/people.ts'
import type { EventLog } from '../../../shared/event-log/event-log.ts'
import { foldLog, type OnRead, walkKey } from '../../../shared/event-log/fold-log.ts'
import type { Topics } from '../../../shared/event-log/places.ts'
import { readSkips } from '../../../shared/event-log/skips.ts'
import { readRegistry } from '../../../shared/event-log/registry-log.ts'
import type { Principal } from '../../../shared/ledger/events.ts'
import {
  accessTokenLiveness,
  deadBecause,
  grantStatus,
  refreshTokenUntil,
  WITHOUT_END,
} from '../../../shared/ledger/grant/liveness.ts'
import { type Generation, type GrantState, UNKNOWN_GRANT } from '../../../shared/ledger/grant/state.ts'
import type { Registry } from '../../../shared/ledger/registry/evolve.ts'
import { registryKey } from '../../../shared/ledger/registry/kinds.ts'
import type { ClientEntity, UserEntity } from '../../../shared/ledger/registry/state.ts'
import { namingOf, peopleIn, peopleOf } from '../people/show-people.ts'
import { type Personal, shownEntry, type ShownEntry, type ShownPeople, subsIn } from '../people/shown-entry.ts'
import { readAhead } from '../read-ahead.ts'
import { entriesOf, type ReplayEntry } from './replay-entry.ts'
import { rangesOf } from './replay.ts'

/** What can be used now. `because`: why nothing can, where that is so. */
export type LifeNow = {
  at: string
  status: GrantState['status']
  because: string | null
  /** Generations of the access tokens that live, with NumericDate of their end. */
  access_tokens: { generation: number; exp: number | null }[]
  /** The refresh token that lives; `until` NumericDate, `null` = without end. */
  refresh_token: { generation: number; until: number | null; refreshes_left: number | null } | null
}

/** The life of one grant: every event of its own with its verdict, and what is left of it. */
export type GrantLife = {
  grant_id: string
  client: { client_id: string; client_name: string | null; client_version: string | null }
  principal: Principal
  grant_type: string
  scope: string
  events: ShownEntry[]
  now: LifeNow
  /** Everybody who is in it; `null` = people are left out, and `personal` says why. */
  people: ShownPeople | null
  personal: Personal
}

type Source = { log: EventLog; topics: Topics; people: Pick<People, 'revealFor'> }

type Asked = { now: number; personal: Personal; onRead?: OnRead | undefined }

/** Reads a grant's life from the log. Null when no event of it ever counted. `now` in ms. */
export async function grantLife(
  { log, topics, people }: Source,
  grant_id: string,
  { now, personal, onRead }: Asked,
): Promise<GrantLife | null> {
  const { state, generations, events } = await foldLife({ log, topics }, grant_id, onRead)
  if (state.status === 'unknown') return null
  const registry = await readRegistry(log, topics)
  const { client, user } = partiesOf(registry, state)
  const { client_id, principal, grant_type, scope } = state
  const naming = personal === 'shown' ? await namingIn(people, registry, events) : null
  return {
    grant_id,
    client: {
      client_id,
      client_name: client?.value?.client_name ?? null,
      client_version: client?.value?.client_version ?? null,
    },
    principal,
    grant_type,
    scope,
    events: events.map((entry) => shownEntry(entry, naming && peopleIn(entry, naming))),
    now: lifeNow({ state, generations, dead: deadBecause({ grant: state, client, user }), now }),
    people: naming && peopleOf(subsOf(events), naming),
    personal,
  }
}

type Folded = { state: GrantState; generations: Generation[]; events: ReplayEntry[] }

async function foldLife({ log, topics }: Omit<Source, 'people'>, grant_id: string, onRead?: OnRead): Promise<Folded> {
  const [range] = await rangesOf({ log, topics }, { grant_id })
  const folded: Folded = { state: UNKNOWN_GRANT, generations: [], events: [] }
  if (!range) return folded
  const skips = await readSkips(log, topics, () => onRead?.(0))
  for await (const step of foldLog(walkKey(readAhead(log), range, { skips, onRead, key: grant_id }))) {
    folded.events.push(...entriesOf(step))
    for (const { grant } of step.judged) addState(folded, grant ?? UNKNOWN_GRANT)
  }
  return folded
}

function addState(folded: Folded, state: GrantState): void {
  folded.state = state
  if (state.status !== 'live' || folded.generations.at(-1)?.generation === state.current.generation) return
  folded.generations.push(state.current)
}

/** By decrypting now, so that it is nobody's name any more once the person is forgotten. */
async function namingIn(people: Source['people'], registry: Registry, events: ReplayEntry[]) {
  const subs = subsOf(events)
  const users = subs.flatMap((sub) => {
    const entity = registry.get(registryKey('user', sub))
    return entity?.kind === 'user' ? [[sub, entity] as const] : []
  })
  return namingOf(people, subs, new Map(users))
}

function subsOf(events: ReplayEntry[]): string[] {
  return [...new Set(events.flatMap(subsIn))]
}

function partiesOf(
  registry: Registry,
  { client_id, principal }: { client_id: string; principal: Principal },
): { client: ClientEntity | null; user: UserEntity | null } {
  const client = registry.get(registryKey('client', client_id))
  const user = principal.type === 'user' ? registry.get(registryKey('user', principal.id)) : undefined
  return { client: client?.kind === 'client' ? client : null, user: user?.kind === 'user' ? user : null }
}

type Question = { state: GrantState; generations: Generation[]; dead: string | null; now: number }

function lifeNow({ state, generations, dead, now }: Question): LifeNow {
  const at = new Date(now).toISOString()
  const reason = state.status === 'revoked' ? state.reason : dead
  if (state.status !== 'live' || dead !== null) {
    return { at, status: state.status, because: reason, access_tokens: [], refresh_token: null }
  }
  const grant = grantStatus(state)
  const access_tokens = generations
    .filter((row) => accessTokenLiveness({ grant, generation: row.generation, row, now }).active)
    .map(({ generation, exp }) => ({ generation, exp }))
  const refresh_token = liveRefreshToken(state, now)
  const ended = access_tokens.length === 0 && refresh_token === null
  return { at, status: 'live', because: ended ? 'everything expired' : null, access_tokens, refresh_token }
}

/** The refresh token of a live grant, if it can be used still. `now` in ms. */
export function liveRefreshToken(
  state: Extract<GrantState, { status: 'live' }>,
  now: number,
): LifeNow['refresh_token'] {
  const until = refreshTokenUntil(state)
  if (now >= until) return null
  const { refresh_generation: generation, refreshes_left } = state
  return { generation, until: until === WITHOUT_END ? null : until / 1000, refreshes_left }
}
