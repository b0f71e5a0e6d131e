import type { Knex } from 'knex'
import { epochMs } from '../../database/epoch-ms.ts'
import { idHash } from './sessions.ts'

/** Who made it: an administrator, or somebody who says to have forgotten the password. */
export type LinkKind = 'set_password' | 'forgot_password'

/** How long each is good, in seconds. */
export const LINK_LIFETIME = { set_password: 24 * 3600, forgot_password: 3600 } as const satisfies Record<
  LinkKind,
  number
>

/**
 * What a link is for. `guarded`: whoever made it may set the password of one who reaches `ledger.*`. Times in ms of the
 * database's clock. Which link was used stands nowhere: setting a password ends all of before, by the log.
 */
export type StoredLink = {
  sub: string
  kind: LinkKind
  guarded: boolean
  registry_position: number
  created_at: number
  expires_at: number
}

/** How many one person has at the most; of more, the oldest go. */
const MOST_LINKS = 5

const CLEANED = 100

/** Stores a link under the hash of its id; answers in how many seconds it ends. */
export async function storeLink(
  knex: Knex,
  id: string,
  { kind, ...link }: Omit<StoredLink, 'created_at' | 'expires_at'>,
): Promise<number> {
  const seconds = LINK_LIFETIME[kind]
  await knex.raw(STORE, { id_sha256: idHash(id), kind, seconds, ...link })
  return seconds
}

const STORE = `
WITH gone AS (
  DELETE FROM ledger.links WHERE id_sha256 IN (
    SELECT id_sha256 FROM ledger.links WHERE sub = :sub ORDER BY created_at DESC OFFSET ${MOST_LINKS - 1}
       FOR UPDATE SKIP LOCKED)),
old AS (
  DELETE FROM ledger.links WHERE id_sha256 IN (
    SELECT id_sha256 FROM ledger.links WHERE expires_at < clock_timestamp()
     ORDER BY expires_at LIMIT ${CLEANED} FOR UPDATE SKIP LOCKED))
INSERT INTO ledger.links (id_sha256, sub, kind, guarded, registry_position, expires_at)
VALUES (:id_sha256, :sub, :kind, :guarded, :registry_position, clock_timestamp() + make_interval(secs => :seconds))`

/** SQL for a row of this alias as a `StoredLink`. */
const linkJson = (alias: string) => `
  json_build_object('sub', ${alias}.sub, 'kind', ${alias}.kind, 'guarded', ${alias}.guarded,
    'registry_position', ${alias}.registry_position, 'created_at', ${epochMs(`${alias}.created_at`)},
    'expires_at', ${epochMs(`${alias}.expires_at`)})`

/** The link of this id, unless its time is over; `null`: there is none. */
export async function readLink(knex: Knex, id: string): Promise<StoredLink | null> {
  const { rows } = await knex.raw<{ rows: { link: StoredLink }[] }>(
    `SELECT ${linkJson('l')} AS link FROM ledger.links l WHERE id_sha256 = ? AND expires_at > clock_timestamp()`,
    [idHash(id)],
  )
  return rows[0]?.link ?? null
}

/** The links of this person, whether or not they still count. */
export async function listLinks(knex: Knex, sub: string): Promise<StoredLink[]> {
  const { rows } = await knex.raw<{ rows: { link: StoredLink }[] }>(
    `SELECT ${linkJson('l')} AS link FROM ledger.links l WHERE sub = ? ORDER BY created_at`,
    [sub],
  )
  return rows.map(({ link }) => link)
}

/** Removes the links of this person: the password was set by one of them. */
export async function dropLinks(knex: Knex, sub: string): Promise<void> {
  await knex.raw('DELETE FROM ledger.links WHERE sub = ?', [sub])
}

/** SQL that deletes the links of these persons (an array). */
export const forgetLinksSql = 'DELETE FROM ledger.links WHERE sub = ANY (?::text[])'

/** The same of everybody who was forgotten: the row may have come back from a backup. */
export const forgetLinksAgainSql = `
  DELETE FROM ledger.links l USING ledger.persons p WHERE p.sub = l.sub AND p.forgotten_at IS NOT NULL`
