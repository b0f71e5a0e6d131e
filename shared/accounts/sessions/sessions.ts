import { createHash, randomUUID } from 'node:crypto'
import type { Knex } from 'knex'
import { epochMs } from '../../database/epoch-ms.ts'

/** When a session ends by itself, in seconds: unused, and however much it is used. */
export type SessionLives = { idle: number; lifetime: number }

/** A login that is stored. Times in ms of the database's clock. */
export type StoredSession = {
  /** Tells the session to others; it lets nobody in. */
  sid: string
  sub: string
  amr: string[]
  /** Of the statement that proved the person: what ended grants of before ended this as well. */
  registry_position: number
  logged_in_at: number
  /** When the person proved who it is: before `logged_in_at` where another server had a session already. */
  auth_time: number
  used_at: number
  /** From where it was used last, /24 or /48. */
  network: string | null
}

/** What stands in `amr` before the name of the provider that proved the person. */
export const BY_PROVIDER = 'upstream:'

/** `replaces`: the id that this browser had before. */
export type Opening = Pick<StoredSession, 'sub' | 'amr' | 'registry_position'> & {
  id: string
  /** Absent: now. */
  auth_time?: number | undefined
  network: string | undefined
  replaces: string | null
}

/** How many one person has at the most: of more, those go that were not used for the longest time. */
const MOST_SESSIONS = 50

// As many as this of anybody's go with each new one.
const CLEANED = 100

/** How old `used_at` may be: no page view writes sooner. */
const NOTED_SECONDS = 60

/** By what a secret id is stored and found. */
export function idHash(id: string): Buffer {
  return createHash('sha256').update(id).digest()
}

/** SQL for a row of this alias as a `StoredSession`. */
export const sessionJson = (alias: string) => `
  json_build_object('sid', ${alias}.sid, 'sub', ${alias}.sub, 'amr', ${alias}.amr,
    'registry_position', ${alias}.registry_position, 'logged_in_at', ${epochMs(`${alias}.logged_in_at`)},
    'auth_time', ${epochMs(`coalesce(${alias}.auth_time, ${alias}.logged_in_at)`)},
    'used_at', ${epochMs(`${alias}.used_at`)}, 'network', ${alias}.network)`

/**
 * Stores a login under the hash of its cookie. What this browser had before (`replaces`) goes on under the new id and
 * the same `sid` where it was of the same user, so that its open pages still count, and else ends. What has been idle
 * for too long goes, whoever's it is.
 */
export async function openSession(
  knex: Knex,
  { id, replaces, network, auth_time, ...opening }: Opening,
  { idle }: Pick<SessionLives, 'idle'>,
): Promise<void> {
  const row = { id_sha256: idHash(id), sid: randomUUID(), network: network ?? null, ...opening }
  const told = auth_time === undefined ? null : auth_time / 1000
  const before = replaces === null ? null : idHash(replaces)
  await knex.raw(OPEN, { ...row, told, before, idle })
}

// Nobody logs in later than now. Of nobody's time, LEAST is the other.
const AUTH_TIME = 'LEAST(to_timestamp(:told::float8), clock_timestamp())'

// No part of it touches a row that another part does.
const OPEN = `
WITH others AS (DELETE FROM ledger.sessions WHERE id_sha256 = :before::bytea AND sub <> :sub),
renewed AS (
  UPDATE ledger.sessions SET id_sha256 = :id_sha256, amr = :amr::text[], registry_position = :registry_position::bigint,
         network = :network, logged_in_at = clock_timestamp(), used_at = clock_timestamp(), auth_time = ${AUTH_TIME}
   WHERE id_sha256 = :before::bytea AND sub = :sub RETURNING sid),
gone AS (
  DELETE FROM ledger.sessions WHERE id_sha256 IN (
    SELECT id_sha256 FROM ledger.sessions WHERE sub = :sub AND id_sha256 IS DISTINCT FROM :before::bytea
     ORDER BY used_at DESC OFFSET ${MOST_SESSIONS - 1} FOR UPDATE SKIP LOCKED)),
old AS (
  DELETE FROM ledger.sessions WHERE sub <> :sub AND id_sha256 IN (
    SELECT id_sha256 FROM ledger.sessions WHERE used_at < clock_timestamp() - make_interval(secs => :idle)
       AND id_sha256 IS DISTINCT FROM :before::bytea
     ORDER BY used_at LIMIT ${CLEANED} FOR UPDATE SKIP LOCKED))
INSERT INTO ledger.sessions (id_sha256, sid, sub, amr, registry_position, network, auth_time)
SELECT :id_sha256, :sid::uuid, :sub, :amr::text[], :registry_position::bigint, :network, ${AUTH_TIME}
 WHERE NOT EXISTS (SELECT FROM renewed)`

/** Takes note that a session was used: once a minute at the most. */
export async function noteUse(
  knex: Knex,
  id: string,
  { used_at, now }: { used_at: number; now: number },
  network?: string,
) {
  if (now - used_at < NOTED_SECONDS * 1000) return
  await knex.raw(
    `UPDATE ledger.sessions SET used_at = clock_timestamp(), network = ?
      WHERE id_sha256 = ? AND used_at < clock_timestamp() - interval '${NOTED_SECONDS} s'`,
    [network ?? null, idHash(id)],
  )
}

/** The sessions of a person that their times have not ended, the last used first; and the database's clock. */
export async function listSessions(
  knex: Knex,
  sub: string,
  { idle, lifetime }: SessionLives,
): Promise<StoredSession[]> {
  const { rows } = await knex.raw<{ rows: { session: StoredSession }[] }>(
    `SELECT ${sessionJson('s')} AS session FROM ledger.sessions s
      WHERE sub = :sub AND used_at > clock_timestamp() - make_interval(secs => :idle)
        AND logged_in_at > clock_timestamp() - make_interval(secs => :lifetime) ORDER BY used_at DESC`,
    { sub, idle, lifetime },
  )
  return rows.map(({ session }) => session)
}

/** Ends the session of this cookie, and tells how it was opened; `null`: there is none. */
export async function endSession(knex: Knex, id: string): Promise<{ amr: string[] } | null> {
  const { rows } = await knex.raw<{ rows: { amr: string[] }[] }>(
    'DELETE FROM ledger.sessions WHERE id_sha256 = ? RETURNING amr',
    [idHash(id)],
  )
  return rows[0] ?? null
}

/** Ends one session of this person; false where there is none. */
export async function endSessionOf(knex: Knex, sub: string, sid: string): Promise<boolean> {
  const { rows } = await knex.raw<{ rows: unknown[] }>(
    'DELETE FROM ledger.sessions WHERE sub = ? AND sid::text = ? RETURNING 1',
    [sub, sid],
  )
  return rows.length > 0
}

/** Ends all sessions of this person but one. */
export async function endOtherSessions(knex: Knex, sub: string, sid: string): Promise<void> {
  await knex.raw('DELETE FROM ledger.sessions WHERE sub = ? AND sid::text <> ?', [sub, sid])
}

/** SQL that deletes the sessions of these persons (an array). */
export const forgetSessionsSql = 'DELETE FROM ledger.sessions WHERE sub = ANY (?::text[])'

/** The same of everybody who was forgotten: the row may have come back from a backup. */
export const forgetSessionsAgainSql = `
  DELETE FROM ledger.sessions s USING ledger.persons p WHERE p.sub = s.sub AND p.forgotten_at IS NOT NULL`
