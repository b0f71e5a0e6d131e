import { z } from 'zod'
import { CLIENT_MEMBERS } from '../clients/client-metadata.ts'
import { type Kind, REVISION } from '../kinds/kind.ts'

type Members = Record<string, z.ZodType>

/** The members that a PUT of this kind takes. */
export function membersOf({ body }: Pick<Kind, 'body'>): Members {
  const schema = body('')
  const read = schema instanceof z.ZodPipe ? schema.in : schema
  if (!(read instanceof z.ZodObject)) throw new Error('the body of a kind is an object')
  return read.shape
}

/** A PATCH of these members (RFC 7396): each may be left out, and `null` removes it. */
export function patchOf(members: Members): z.ZodType {
  const named = Object.entries(members).map(([name, member]) => [name, member.nullable().optional()])
  return z.strictObject(Object.fromEntries(named) as Members)
}

/** A PATCH of a client. */
export const CLIENT_PATCH = patchOf({ ...CLIENT_MEMBERS, revision: REVISION })
