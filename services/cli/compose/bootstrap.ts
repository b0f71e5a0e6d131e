import type { Client, ClientSecret, EntityFact } from '../../../shared/ledger/events.ts'
import type { Registry } from '../../../shared/ledger/registry/evolve.ts'
import { administratorsOf, type Standing } from '../../../shared/ledger/access/administrators.ts'
import { registryKey } from '../../../shared/ledger/registry/kinds.ts'
import { ADMINISTRATORS } from '../../../shared/ledger/registry/predefined.ts'
import { type RegistryLookup, uniqueClientName } from '../../../shared/ledger/registry/state.ts'
import { hashClientSecret } from '../../../shared/tokens/client-secret.ts'
import type { Keys } from '../../../shared/tokens/keys.ts'

const MIN_SECRET_LENGTH = 32

type Bootstrap = {
  /** The whole of it. */
  registry: Registry
  /** The same as its living entities, with what users can act with, as far as that is projected. */
  standing: Standing
  clientId: string
  secret: string
  keys: Keys
}

/**
 * What makes this client an administrator (client_credentials), to be appended; nothing while somebody can act as one:
 * a client whose secret is stored under a key that is lost cannot, nor can a user without a grant. Throws for a secret
 * below 32 characters: it is stored under a fast hash.
 */
export function bootstrapEvents({ registry, standing, clientId, secret, keys }: Bootstrap): EntityFact[] {
  if (secret.length < MIN_SECRET_LENGTH)
    throw new Error(`the secret of the bootstrap client needs at least ${MIN_SECRET_LENGTH} characters`)
  if (administratorsOf(standing).length > 0) return []
  const before = registry.get(registryKey('client', clientId))
  const client = administratorClient(registry, clientId, hashClientSecret(keys, secret))
  const data = { revision: (before?.revision ?? 0) + 1, client }
  return [{ type: before && !before.deleted ? 'ClientChanged' : 'ClientRegistered', data }]
}

/**
 * The administrator that this client id becomes (client_credentials); it replaces whatever the client was. Under a
 * version of its own: somebody may hold the name, so as to keep an administrator out.
 */
export function administratorClient(registry: RegistryLookup, client_id: string, secret: ClientSecret): Client {
  return { ...bootstrapClient(client_id, freeVersion(registry, client_id)), secret }
}

function freeVersion(registry: RegistryLookup, clientId: string, version = 1): string {
  const owner = registry.ownerOf(uniqueClientName(clientId, String(version)))
  return owner === undefined || owner === registryKey('client', clientId)
    ? String(version)
    : freeVersion(registry, clientId, version + 1)
}

function bootstrapClient(client_id: string, client_version: string): Omit<Client, 'secret'> {
  return {
    client_id,
    client_name: client_id,
    client_version,
    client_type: 'confidential',
    grant_types: ['client_credentials'],
    redirect_uris: [],
    scope: 'ledger.admin ledger.audit',
    token_endpoint_auth_method: 'client_secret_basic',
    access_token_lifetime: 3600,
    refresh_token_limit: 0,
    refresh_token_lifetime: null,
    refresh_token_absolute_lifetime: null,
    refresh_grace_seconds: 0,
    refresh_rotation: true,
    groups: [ADMINISTRATORS],
    resource_server_folders: null,
    enabled: true,
  }
}
