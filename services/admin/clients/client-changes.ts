import { z } from 'zod'
import type { JsonObject } from '../../../shared/http/input/merge-patch.ts'
import { parsed } from '../../../shared/http/input/json-body.ts'
import { OAuthError } from '../../../shared/http/oauth-error.ts'
import type { Client } from '../../../shared/ledger/events.ts'
import type { ClientDefaults } from '../admin.ts'
import { repeated, REVISION } from '../kinds/kind.ts'
import { CLIENT_MEMBERS, type ClientMetadata, clientOf, contradictions, type Described } from './client-metadata.ts'

const CODE = 'invalid_client_metadata'

/** What a PATCH leaves of a client, and the revision that it repeats. */
export type Patched = { client: Client; revision?: number | undefined }

/**
 * The client as a PATCH leaves it: what it does not name stays, the secrets always; `null` is what registration takes
 * for a member that is left out, but where `null` is a value itself (never, unlimited, no resource server). OAuthError
 * invalid_client_metadata names what is wrong.
 */
export function patchedClient(before: Client, patch: JsonObject, defaults: ClientDefaults): Patched {
  const { client_id, client_type } = before
  const body = z.strictObject({
    ...CLIENT_MEMBERS,
    client_id: repeated(client_id),
    revision: REVISION,
    client_type: z.literal(client_type, { error: 'cannot be changed: register another client' }).default(client_type),
  })
  const { revision, ...members } = parsed({ client_name: before.client_name, ...givenOf(patch) }, body, CODE)
  const named = Object.entries(members).filter(([member]) => member in patch)
  const changes = Object.fromEntries(named) as Partial<ClientMetadata>
  const metadata: Described = {
    ...before,
    description: before.description ?? '',
    jwks: before.jwks ?? null,
    ...changes,
  }
  const problems = contradictions(metadata).map(([member, problem]) => `${member}: ${problem}`)
  if (problems.length > 0) throw new OAuthError(CODE, problems.join('; '))
  return { client: { ...clientOf(client_id, metadata, defaults), secret: before.secret }, revision }
}

const MEMBERS: Record<string, z.ZodType> = CLIENT_MEMBERS

/** The members that are given; one that is removed is undefined, so that one that nobody knows is still seen. */
function givenOf(patch: JsonObject): JsonObject {
  const isRemoved = (member: string, value: unknown) => value === null && !MEMBERS[member]?.safeParse(null).success
  return Object.fromEntries(
    Object.entries(patch).map(([member, value]) => [member, isRemoved(member, value) ? undefined : value]),
  )
}
