import { v7 as uuidv7 } from 'uuid'
import { requireKeys, type Runtime } from '../../../shared/process/runtime.ts'
import { readRegistry } from '../../../shared/event-log/registry-log.ts'
import type { Client, RegistryFact } from '../../../shared/ledger/events.ts'
import { ADMINISTRATOR_GRANT, issueTokens } from '../../../shared/ledger/grant/commands/issue.ts'
import { isSealed } from '../../../shared/ledger/user.ts'
import { registryKeyOf } from '../../../shared/ledger/registry/state.ts'
import { NO_VIEW } from '../../../shared/read-model/commit/commit.ts'
import { createTokenReader } from '../../../shared/read-model/reads/tokens.ts'
import { hashClientSecret } from '../../../shared/tokens/client-secret.ts'
import { formatToken } from '../../../shared/tokens/token-string.ts'
import { DEMO_LOGIN } from './demo-login.ts'
import type { DemoSecrets } from './dev-secrets.ts'
import { DEMO_GRANT, type DemoGrants, type DemoTokens } from './tour.ts'

const BY_DEMO = { actor: 'system/demo' }

/** Seeds what the demo shows, through the log like everything else; what is there already stays as it is. */
export async function seedDemo(runtime: Runtime, secrets: DemoSecrets): Promise<void> {
  const registry = await readRegistry(runtime.log, runtime.topics)
  const missing = demoFacts(runtime, secrets).filter((fact) => registry.get(registryKeyOf(fact)) === undefined)
  for (const fact of missing) await runtime.commit(await sealed(runtime.people, fact), BY_DEMO, NO_VIEW)
}

/** Fresh grants of the demo user to the demo application, for one walk through the tour. */
export async function issueDemoGrants(runtime: Runtime): Promise<DemoGrants> {
  const read = createTokenReader(runtime)
  const { caller, registry } = await read({ client_id: DEMO_GRANT.client_id, grant_id: null, generation: 0 })
  const client = caller?.value
  if (!client) throw new Error('the demo client is not in the read model')
  const issue = () => issueDemoTokens(runtime, client, registry.next)
  const { refresh_grace_seconds } = client
  return { refresh_grace_seconds, alone: await issue(), shown: await issue() }
}

async function issueDemoTokens(runtime: Runtime, client: Client, registry_position: number): Promise<DemoTokens> {
  const keys = requireKeys(runtime)
  const grant_id = uuidv7()
  const { event, refused } = issueTokens({
    grant_id,
    client,
    principal: { type: 'user', id: DEMO_GRANT.sub },
    grant_type: ADMINISTRATOR_GRANT,
    scope: DEMO_GRANT.scope,
    registry_position,
    kid: keys.current,
  })
  if (refused) throw new Error(`the demo grant was refused: ${refused.reason}`)
  await runtime.commit(event, BY_DEMO, NO_VIEW)
  const content = { kid: keys.current, grant_id, generation: 1 }
  return { grant_id, access_token: formatToken(keys, 'at', content), refresh_token: formatToken(keys, 'rt', content) }
}

function demoFacts(runtime: Runtime, secrets: DemoSecrets): RegistryFact[] {
  const revision = 1
  return [
    ...demoFolders(revision),
    { type: 'UserPut', data: { revision, user: demoUser() } },
    ...demoClients(runtime, secrets).map((client): RegistryFact => ({
      type: 'ClientRegistered',
      data: { revision, client },
    })),
  ]
}

function demoFolders(revision: number): RegistryFact[] {
  return [
    { type: 'GroupPut', data: { revision, group: { name: 'OrderClerks', description: 'May read and enter orders.' } } },
    { type: 'GroupPut', data: { revision, group: { name: 'OrderManagers', description: 'May approve orders.' } } },
    {
      type: 'AclPut',
      data: {
        revision,
        acl: { name: 'OrderClerks', allowed_groups: ['OrderClerks', 'OrderManagers'], denied_groups: [] },
      },
    },
    {
      type: 'AclPut',
      data: { revision, acl: { name: 'OrderManagers', allowed_groups: ['OrderManagers'], denied_groups: [] } },
    },
    {
      type: 'ResourcePut',
      data: { revision, resource: { name: 'orders', execute_acl: 'OrderClerks', templates: [] } },
    },
    {
      type: 'ResourcePut',
      data: { revision, resource: { name: 'orders.internal', execute_acl: 'OrderManagers', templates: [] } },
    },
    {
      type: 'ScopePut',
      data: { revision, scope: { name: 'orders.read', description: 'Read orders.', includes: ['orders'] } },
    },
    {
      type: 'ScopePut',
      data: {
        revision,
        scope: { name: 'orders.approve', description: 'Approve orders.', includes: ['orders.internal:approve'] },
      },
    },
  ]
}

async function sealed(people: Runtime['people'], fact: RegistryFact): Promise<RegistryFact> {
  if (fact.type !== 'UserPut' || isSealed(fact.data.user)) return fact
  return { ...fact, data: { ...fact.data, user: await people.seal(fact.data.user) } }
}

function demoUser() {
  const personal = { username: 'alice', name: 'Alice Example', email: 'alice@example.com' }
  return { sub: DEMO_GRANT.sub, groups: ['OrderClerks'], enabled: true, personal }
}

function demoClients(runtime: Runtime, secrets: DemoSecrets): Client[] {
  const secretOf = (client_id: keyof DemoSecrets) => hashClientSecret(requireKeys(runtime), secrets[client_id])
  const confidential = confidentialClient(runtime)
  return [
    {
      ...confidential,
      client_id: 'demo-admin',
      client_name: 'Demo administrator',
      scope: 'ledger.admin ledger.audit',
      groups: ['Administrators'],
      secret: secretOf('demo-admin'),
    },
    {
      ...confidential,
      client_id: DEMO_GRANT.client_id,
      client_name: 'Demo application',
      grant_types: ['refresh_token', 'client_credentials'],
      scope: DEMO_GRANT.scope,
      secret: secretOf('demo-app'),
    },
    { ...publicClient(runtime), client_id: 'demo-mobile', client_name: 'Demo mobile application' },
    {
      ...publicClient(runtime),
      client_id: DEMO_LOGIN.client_id,
      client_name: DEMO_LOGIN.client_name,
      grant_types: ['authorization_code', 'refresh_token'],
      // Of any port: that of the demo's application, and that of "perform authorization-code".
      redirect_uris: ['http://127.0.0.1/callback'],
    },
    {
      ...confidential,
      client_id: 'demo-orders',
      client_name: 'Demo resource server',
      resource_server_folders: ['orders'],
      secret: secretOf('demo-orders'),
    },
  ]
}

function publicClient(runtime: Runtime): Omit<Client, 'client_id' | 'client_name'> {
  return {
    ...confidentialClient(runtime),
    client_type: 'public',
    token_endpoint_auth_method: 'none',
    grant_types: ['refresh_token'],
    scope: DEMO_GRANT.scope,
    refresh_grace_seconds: runtime.settings.REFRESH_GRACE_PUBLIC,
    secret: null,
  }
}

/** What the demo's clients have in common, unless it says otherwise. */
function confidentialClient({ settings }: Runtime): Omit<Client, 'client_id' | 'client_name' | 'secret'> {
  return {
    client_version: '1',
    client_type: 'confidential',
    grant_types: ['client_credentials'],
    redirect_uris: [],
    scope: '',
    token_endpoint_auth_method: 'client_secret_basic',
    access_token_lifetime: settings.ACCESS_TOKEN_LIFETIME,
    refresh_token_limit: null,
    refresh_token_lifetime: settings.REFRESH_TOKEN_LIFETIME,
    refresh_token_absolute_lifetime: settings.REFRESH_TOKEN_ABSOLUTE_LIFETIME,
    refresh_grace_seconds: settings.REFRESH_GRACE_CONFIDENTIAL,
    refresh_rotation: true,
    groups: [],
    resource_server_folders: null,
    enabled: true,
  }
}
