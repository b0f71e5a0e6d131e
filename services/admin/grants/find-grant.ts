import { OAuthError } from '../../../shared/http/oauth-error.ts'
import { readSettled, TO_END } from '../../../shared/read-model/reads/settled.ts'
import type { TokenView } from '../../../shared/read-model/reads/tokens.ts'
import type { Admin } from '../admin.ts'
import { readGrant } from './end-grant.ts'

const UUID_FORM = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/

type Found = Pick<TokenView, 'checkpoint' | 'now'> & { grant: Exclude<TokenView['grant'], { status: 'unknown' }> }

/**
 * The grant of this id, to be ended, with its partition's checkpoint and the database's clock. OAuthError not_found
 * when there surely is none; Unsettled until that is sure.
 */
export async function findGrant(admin: Admin, grant_id: string): Promise<Found> {
  if (!UUID_FORM.test(grant_id)) throw unknownGrant()
  const read = () => readGrant(admin, grant_id)
  const question = { purpose: TO_END, asked: { grant_id }, first: await read(), read }
  const { grant, checkpoint, now } = await readSettled(admin, question)
  if (grant.status === 'unknown') throw unknownGrant()
  return { grant, checkpoint, now }
}

function unknownGrant(): OAuthError {
  return new OAuthError('not_found', 'there is no such grant')
}
