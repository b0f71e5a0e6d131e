import { idHash, sessionJson, type StoredSession } from '../../accounts/sessions/sessions.ts'
import type { UserEntity } from '../../ledger/registry/state.ts'
import { entityJson, entityOfRow, type RegistryRow } from '../registry-rows.ts'
import { createBesideReader } from '../reads/beside-tokens.ts'
import type { Patience, TimedReadModel, TokenKey, TokenView } from '../reads/tokens.ts'

/** `session_id`: of the cookie. A grant and a client may be asked for in the same statement. */
export type SessionKey = TokenKey & { session_id: string }

/** All from one statement: the session is judged by its user of that moment. */
export type SessionView = TokenView & Found

type Found = { session: StoredSession | null; sessionUser: UserEntity | null }

export type SessionReader = (key: SessionKey) => Promise<SessionView>

type Row = { id_sha256: string; session: StoredSession; user: RegistryRow | null }

/** Reads who is logged in; while one query is in flight, the next collects. QueueFull where too many wait. */
export function createSessionReader(readModel: TimedReadModel, patience: Patience = {}): SessionReader {
  return createBesideReader<SessionKey, { sessions: Row[] | null }, Found>(readModel, patience, {
    name: 'read_session',
    sql: sessionsSql,
    bindings: (keys) => [keys.map(hashOf)],
    found: ({ sessions }) => {
      const rows = new Map((sessions ?? []).map((row) => [row.id_sha256, row]))
      return (key) => found(rows.get(hashOf(key)))
    },
  })
}

function hashOf({ session_id }: SessionKey): string {
  return idHash(session_id).toString('hex')
}

function found(row: Row | undefined): Found {
  return { session: row?.session ?? null, sessionUser: row?.user ? entityOfRow('user', row.user) : null }
}

const sessionsSql = (schema: string) => `
  (SELECT json_agg(json_build_object('id_sha256', encode(s.id_sha256, 'hex'), 'session', ${sessionJson('s')},
            'user', (SELECT ${entityJson('user', 'u')} FROM ${schema}.users u WHERE u.sub = s.sub)))
     FROM ledger.sessions s
    WHERE s.id_sha256 IN (SELECT decode(h, 'hex') FROM unnest(?::text[]) AS h)) AS sessions`
