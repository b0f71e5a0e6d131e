import type { UserEntity } from '../../../shared/ledger/registry/state.ts'
import type { PersonalState } from '../../../shared/ledger/user.ts'
import type { VerifySource } from '../../../shared/read-model/read-model.ts'
import type { Progress } from '../../../shared/event-log/fold-log.ts'
import { Unsettled } from '../../../shared/read-model/unsettled.ts'
import { readUsers } from '../people/read-users.ts'
import { showPeople } from '../people/show-people.ts'
import type { ShownEntry, ShownPeople } from '../people/shown-entry.ts'
import { replay } from '../replay/replay.ts'
import { createGrantStates } from '../spill/grant-states.ts'
import { createGrantList } from './grant-list.ts'
import { readHeldKey, readHeldLinks, readHeldSessions } from './held-rows.ts'
import { notContained, stillHeld } from './statement.ts'
import { isAbout, namedIn, toldEvent } from './told-event.ts'
import { toldGrants } from './told-grants.ts'

/**
 * All that is held about one person, as the text of one JSON object, in pieces: read from the log itself and opened
 * while it is asked for. Unsettled where something of it cannot be read: a copy is whole, or it breaks off.
 */
export async function* exportPerson(source: VerifySource, sub: string, progress?: Progress): AsyncGenerator<string> {
  const now = Date.now()
  const user = (await readUsers(source, [sub])).get(sub) ?? null
  const [list, states] = [createGrantList(), createGrantStates()]
  const walked = { named: null as ShownPeople[string] | null, skipped: 0, note: noteGrants(list.add) }
  try {
    yield `{"sub":${JSON.stringify(sub)},\n"made_at":${JSON.stringify(new Date(now).toISOString())}`
    yield* array('events', eventsOf(source, { sub, states, walked, progress }))
    yield* array('grants', toldGrants(source, { list, states, user, now }))
    const key = await readHeldKey(source, sub)
    const [sessions, links] = [await readHeldSessions(source, sub), await readHeldLinks(source, sub)]
    const rest = { ...toldUser(user, walked.named), key, sessions, links, records_skipped: walked.skipped }
    for (const [name, value] of Object.entries(rest)) yield member(name, value)
    yield member('still_held', stillHeld(user))
    yield `${member('not_contained', notContained(walked.skipped))}}\n`
  } finally {
    list.close()
    states.close()
  }
}

type Walk = {
  sub: string
  states: ReturnType<typeof createGrantStates>
  walked: { named: ShownPeople[string] | null; skipped: number; note: (entry: ShownEntry) => void }
  progress: Progress | undefined
}

async function* eventsOf(source: VerifySource, { sub, states, walked, progress }: Walk): AsyncGenerator<object> {
  for await (const entry of showPeople(replay({ ...source, states }, { person: sub }, progress), source)) {
    if (entry.verdict === 'unreadable') throw new Unsettled('the log has a record that cannot be read')
    if (entry.verdict === 'skipped') {
      walked.skipped++
      continue
    }
    if (isAbout(entry, sub)) walked.note(entry)
    walked.named = namedIn(entry, sub) ?? walked.named
    yield toldEvent(entry, sub)
  }
}

/** Adds each grant once, by the event that makes it: one that was authorized is issued later. */
function noteGrants(add: (grant: { grant_id: string; made_at: number }) => void): (entry: ShownEntry) => void {
  const authorized = new Set<string>()
  return ({ type, verdict, grant_id, time }) => {
    if (verdict !== 'valid' || grant_id === null) return
    if (type === 'AuthorizationGranted') authorized.add(grant_id)
    else if (type !== 'TokenIssued' || authorized.delete(grant_id)) return
    add({ grant_id, made_at: Date.parse(time) })
  }
}

/** The user as it stands; of one who was deleted, what names the person by the last record. */
function toldUser(user: UserEntity | null, named: ShownPeople[string] | null): object {
  const { value = null, revision = null, at, deleted = true } = user ?? {}
  const person = user?.forgotten ? 'forgotten' : named
  return {
    person: typeof person === 'string' ? null : person,
    personal_state: typeof person === 'string' ? (person satisfies PersonalState) : null,
    groups: value?.groups ?? null,
    enabled: value?.enabled ?? null,
    deleted,
    revision,
    changed_at: at === undefined ? null : new Date(at).toISOString(),
  }
}

function member(name: string, value: unknown): string {
  return `,\n${JSON.stringify(name)}:${JSON.stringify(value)}`
}

async function* array(name: string, items: AsyncIterable<object>): AsyncGenerator<string> {
  yield `,\n${JSON.stringify(name)}:[`
  let comma = '\n'
  for await (const item of items) {
    yield `${comma}${JSON.stringify(item)}`
    comma = ',\n'
  }
  yield ']'
}
