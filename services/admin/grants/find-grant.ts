import { OAuthError } from '../../../shared/http/oauth-error.ts'
import { readSettled, TO_END } from '../../../shared/read-model/reads/settled.ts'
import type { TokenView } from '../../../shared/read-model/reads/tokens.ts'
import type { Admin } from '../admin.ts'
import { readGrant } from './end-grant.ts'

/** The form of the id of a grant. */
export const GRANT_ID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/

type Found = Pick<TokenView, 'checkpoint' | 'now'> & { grant: Exclude<TokenView['grant'], { status: 'unknown' }> }

/**
 * The grant of this id, to be ended, with its partition's checkpoint and the database's clock. OAuthError not_found
 * when there surely is none; Unsettled until that is sure.
 */
export async function findGrant(admin: Admin, grant_id: string): Promise<Found> {
  if (!GRANT_ID.test(grant_id)) throw unknownGrant()
  const read = () => readGrant(admin, grant_id)
  const question = { purpose: TO_END, asked: { grant_id }, first: await read(), read }
  const { grant, checkpoint, now } = await readSettled(admin, question)
  if (grant.status === 'unknown') throw unknownGrant()
  return { grant, checkpoint, now }
}

/** What is said of a grant that is not there. */
export function unknownGrant(): OAuthError {
  return new OAuthError('not_found', 'there is no such grant')
}
