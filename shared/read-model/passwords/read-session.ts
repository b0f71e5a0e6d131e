import { sessionHash } from '../../accounts/sessions/sessions.ts'
import { epochMs } from '../../database/epoch-ms.ts'
import { registryPlace } from '../../event-log/places.ts'
import { hasEndedWith } from '../../ledger/grant/liveness.ts'
import type { UserEntity } from '../../ledger/registry/state.ts'
import { entityJson, entityOfRow, type RegistryRow } from '../registry-rows.ts'
import { createStamps } from '../stamps.ts'
import { type Freshness, NO_FRESHNESS, requireRecent } from '../reads/freshness.ts'
import type { TimedReadModel } from '../reads/tokens.ts'

export type SessionFound = {
  sid: string
  sub: string
  amr: string[]
  logged_in_at: number
  user: UserEntity
  registry_position: number
  now: number
}

type Row = Pick<SessionFound, 'sid' | 'sub' | 'amr' | 'logged_in_at'> & {
  registry_position: number
  user: RegistryRow | null
}

/** Finds the session of a cookie, while its user lives and has not changed the password since. */
export function createSessionReader(readModel: TimedReadModel, maxLagMs: number) {
  const { knex, schema, topics, clocks, stamps = createStamps() } = readModel
  return async (id: string): Promise<SessionFound | null> => {
    const sentAt = performance.now()
    const { rows } = await knex.raw<{ rows: { now: number; session: Row | null; registry: Freshness | null }[] }>(
      sessionSql(schema),
      [sessionHash(id), topics.registry],
    )
    const [row] = rows
    if (!row) throw new Error('the read of a session gave no row')
    const { now, session } = row
    clocks?.database(now, sentAt)
    const registry = row.registry ?? NO_FRESHNESS
    const fresh_as_of = stamps(registryPlace(topics), { stamp: registry.fresh_as_of, now, sentAt })
    requireRecent({ ...registry, fresh_as_of }, now, maxLagMs)
    if (!session?.user) return null
    const user = entityOfRow('user', session.user)
    if (!user.value?.enabled || hasEndedWith(user, session.registry_position)) return null
    return { ...session, user, registry_position: registry.next, now }
  }
}

const sessionSql = (schema: string) => `
SELECT ${epochMs('clock_timestamp()')} AS now,
  (SELECT json_build_object('sid', s.sid, 'sub', s.sub, 'amr', s.amr, 'registry_position', s.registry_position,
            'logged_in_at', ${epochMs('s.logged_in_at')},
            'user', (SELECT ${entityJson('user', 'u')} FROM ${schema}.users u WHERE u.sub = s.sub))
     FROM ledger.sessions s WHERE s.id_sha256 = ?) AS session,
  (SELECT json_build_object('next', k.next, 'status', k.status, 'status_reason', k.status_reason,
            'fresh_as_of', ${epochMs('k.fresh_as_of')})
     FROM ${schema}.checkpoints k WHERE k.topic = ? AND k.partition = 0) AS registry`
