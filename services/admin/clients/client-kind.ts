import { OAuthError } from '../../../shared/http/oauth-error.ts'
import type { Client } from '../../../shared/ledger/events.ts'
import { CLIENT_TYPES } from '../../../shared/ledger/client.ts'
import type { RegistryEntity } from '../../../shared/ledger/registry/state.ts'
import { z } from 'zod'
import { FLAG, MEMBERSHIP } from '../lists/list-query.ts'
import { NAME } from '../names.ts'

/** Clients among the kinds of the registry: how they are found, read and listed. */
export const CLIENT = {
  kind: 'client',
  right: 'ledger.admin:clients',
  id: 'client_id',
  form: NAME,
  question: (client_id: string) => ({ client_ids: [client_id] }),
  filters: { enabled: FLAG, group: MEMBERSHIP, client_type: z.enum(CLIENT_TYPES).optional() },
} as const

/** The client as it stands. OAuthError not_found where there is none. */
export function livingClient(entity: RegistryEntity | undefined): Client {
  if (entity?.kind === 'client' && entity.value) return entity.value
  throw new OAuthError('not_found', 'there is no client of this name')
}
