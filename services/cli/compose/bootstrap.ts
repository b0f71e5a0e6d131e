import type { Client, RegistryFact } from '../../../shared/ledger/events.ts'
import type { Registry } from '../../../shared/ledger/registry/evolve.ts'
import { administratorsOf } from '../../../shared/ledger/access/guard.ts'
import { registryKey } from '../../../shared/ledger/registry/kinds.ts'
import { ADMINISTRATORS } from '../../../shared/ledger/registry/predefined.ts'
import { uniqueClientName } from '../../../shared/ledger/registry/state.ts'
import { hashClientSecret } from '../../../shared/tokens/client-secret.ts'
import type { Keys } from '../../../shared/tokens/keys.ts'

const MIN_SECRET_LENGTH = 32

type Bootstrap = { registry: Registry; clientId: string; secret: string; keys: Keys }

/**
 * What makes this client an administrator (client_credentials), to be appended; nothing while an administrator lives.
 * One whose secret is stored under a key that is lost does not. `registry`: the whole of it. Throws for a secret below
 * 32 characters: it is stored under a fast hash.
 */
export function bootstrapEvents({ registry, clientId, secret, keys }: Bootstrap): RegistryFact[] {
  if (secret.length < MIN_SECRET_LENGTH)
    throw new Error(`the secret of the bootstrap client needs at least ${MIN_SECRET_LENGTH} characters`)
  const view = registry.view()
  const clients = view.clients.filter(({ secret: stored }) => stored === null || keys.kids.includes(stored.kid))
  if (administratorsOf({ ...view, clients }).length > 0) return []
  const before = registry.get(registryKey('client', clientId))
  const client = bootstrapClient(clientId, freeVersion(registry, clientId))
  const data = { revision: (before?.revision ?? 0) + 1, client: { ...client, secret: hashClientSecret(keys, secret) } }
  return [{ type: before && !before.deleted ? 'ClientChanged' : 'ClientRegistered', data }]
}

/** Somebody may hold the name, so as to keep an administrator out. */
function freeVersion(registry: Registry, clientId: string, version = 1): string {
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
