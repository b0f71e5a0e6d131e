import type { Knex } from 'knex'
import { type LinkKind, storeLink } from '../accounts/sessions/links.ts'
import { needsGuard } from '../ledger/access/guard.ts'
import { randomId } from '../tokens/random-id.ts'
import { readUser, type UserReading } from '../read-model/reads/living-user.ts'

type Making = UserReading & { knex: Knex; issuer: string }

/** For whom, and whether whoever makes it may do so for one who reaches `ledger.*`; it may throw instead. */
type Wanted = { sub: string; kind: LinkKind; mayGuard: () => Promise<boolean> }

export type MadeLink = { link: string; expires_in: number }

/**
 * Makes a one-time link to set a password. It counts until the log ends what the user was granted up to now, which
 * setting the password does. `null`: there is no such user, or one that it may not be made for. Unsettled.
 */
export async function makeLink(making: Making, { sub, kind, mayGuard }: Wanted): Promise<MadeLink | null> {
  const { user, view, checkpoint } = await readUser(making, sub)
  if (!user) return null
  const guarded = needsGuard(view, { type: 'UserDeleted', data: { revision: user.revision, sub } })
  if (guarded && !(await mayGuard())) return null
  const { knex, issuer } = making
  const id = randomId()
  const registry_position = checkpoint.next
  const expires_in = await storeLink(knex, id, { sub, kind, guarded, registry_position })
  return { link: `${issuer}/account/password/set?link=${id}`, expires_in }
}
