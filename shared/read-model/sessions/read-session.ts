import { idHash, sessionJson, type StoredSession } from '../../accounts/sessions/sessions.ts'
import { createBatcher } from '../../database/batcher.ts'
import type { UserEntity } from '../../ledger/registry/state.ts'
import { entityJson, entityOfRow, type RegistryRow } from '../registry-rows.ts'
import { createStamps } from '../stamps.ts'
import {
  type Patience,
  READ_BOUND,
  readTokens,
  type TimedReadModel,
  type TokenKey,
  type TokenView,
} from '../reads/tokens.ts'

/** `session_id`: of the cookie. A grant and a client may be asked for in the same statement. */
export type SessionKey = TokenKey & { session_id: string }

/** All from one statement: the session is judged by its user of that moment. */
export type SessionView = TokenView & { session: StoredSession | null; sessionUser: UserEntity | null }

export type SessionReader = (key: SessionKey) => Promise<SessionView>

type Row = { id_sha256: string; session: StoredSession; user: RegistryRow | null }

/** Reads who is logged in; while one query is in flight, the next collects. QueueFull where too many wait. */
export function createSessionReader(
  { stamps = createStamps(), ...given }: TimedReadModel,
  { patienceMs }: Patience = {},
): SessionReader {
  const readModel = { ...given, stamps }
  const load = async (keys: SessionKey[]) => {
    const hashes = keys.map(({ session_id }) => idHash(session_id).toString('hex'))
    const more = { sql: sessionsSql(readModel.schema), bindings: [hashes] }
    const read = await readTokens<{ sessions: Row[] | null }>({ readModel, name: 'read_session', more }, keys)
    const rows = new Map((read.row.sessions ?? []).map((row) => [row.id_sha256, row]))
    return read.views.map((view, i) => () => ({ ...view(), ...found(rows.get(hashes[i] ?? '')) }))
  }
  const read = createBatcher(load, { bound: READ_BOUND, patienceMs })
  return async (key) => (await read(key))()
}

function found(row: Row | undefined): Pick<SessionView, 'session' | 'sessionUser'> {
  return { session: row?.session ?? null, sessionUser: row?.user ? entityOfRow('user', row.user) : null }
}

const sessionsSql = (schema: string) => `
  (SELECT json_agg(json_build_object('id_sha256', encode(s.id_sha256, 'hex'), 'session', ${sessionJson('s')},
            'user', (SELECT ${entityJson('user', 'u')} FROM ${schema}.users u WHERE u.sub = s.sub)))
     FROM ledger.sessions s
    WHERE s.id_sha256 IN (SELECT decode(h, 'hex') FROM unnest(?::text[]) AS h)) AS sessions`
