import { v7 as uuidv7 } from 'uuid'
import { requireKeys, type Runtime } from '../../shared/process/runtime.ts'
import { readRegistry } from '../../shared/event-log/registry-log.ts'
import type { Acl, Client, Principal, RegistryFact, User } from '../../shared/ledger/events.ts'
import { isSealed, type PlainUser } from '../../shared/ledger/user.ts'
import { ADMINISTRATOR_GRANT, issueTokens } from '../../shared/ledger/grant/commands/issue.ts'
import { formatToken } from '../../shared/tokens/token-string.ts'
import { generateClientSecret, hashClientSecret } from '../../shared/tokens/client-secret.ts'
import { NO_VIEW } from '../../shared/read-model/commit/commit.ts'
import { client as defaultClient, user as defaultUser } from '../ledger/given.ts'
import { seeded } from './kept-logs.ts'
import type { Credentials } from './requests.ts'

/** A pair as a client holds it. `refresh_token` is there also where the grant has none: then nothing may accept it. */
export type Pair = { grant_id: string; access_token: string; refresh_token: string }

type Given = { to: Credentials; sub?: string; scope?: string; kid?: number }

/** What a test begins with, put into the log like everything else. Names are new in each call unless given. */
export type Seeds = {
  /**
   * A confidential client for refresh_token and client_credentials with scope `read write`, unless `over` says
   * otherwise.
   */
  client: (over?: Partial<Client>) => Promise<Credentials>
  publicClient: (over?: Partial<Client>) => Promise<Credentials>
  /** A client that guards these folders. */
  resourceServer: (...folders: string[]) => Promise<Credentials>
  changeClient: (client: Credentials, over: Partial<Client>) => Promise<void>
  deleteClient: (client: Credentials) => Promise<void>
  /** Puts a user and gives its `sub`; repeated with a `sub`, it changes that user. */
  user: (over?: Partial<PlainUser>) => Promise<string>
  deleteUser: (sub: string) => Promise<void>
  /** Ends all grants that the user has now. */
  revokeAllOfUser: (sub: string) => Promise<void>
  scope: (name: string, ...includes: string[]) => Promise<void>
  acl: (name: string, groups: Partial<Omit<Acl, 'name'>>) => Promise<void>
  resource: (name: string, execute_acl: string | null) => Promise<void>
  /** The first pair of a grant: for a user (a new one unless given). */
  grant: (given: Given) => Promise<Pair>
}

type Revised = RegistryFact extends infer F ? (F extends { data: { revision: number } } ? F : never) : never

/** Seeds through the runtime of a running ledger; each resolves when the read model shows it. */
export function createSeeds(runtime: Runtime): Seeds {
  const { commit, log, topics } = runtime
  const actor = { actor: 'system/test' }

  async function put(key: string, fact: (revision: number) => Revised): Promise<void> {
    const known = (await readRegistry(log, topics)).get(key)
    await commit(fact(known && 'revision' in known ? known.revision + 1 : 1), actor, NO_VIEW)
  }

  async function register(over: Partial<Client>): Promise<Credentials> {
    const keys = requireKeys(runtime)
    const client_secret = over.client_type === 'public' ? null : generateClientSecret()
    const secret = client_secret === null ? null : hashClientSecret(keys, client_secret)
    seeded(client_secret, secret?.hash)
    const client_id = over.client_id ?? `client-${uuidv7()}`
    const client = defaultClient({ client_id, client_name: client_id, secret, ...over })
    await put(`client/${client_id}`, (revision) => ({ type: 'ClientRegistered', data: { revision, client } }))
    const method = client.token_endpoint_auth_method === 'client_secret_post' ? 'post' : 'basic'
    return { client_id, client_secret, method }
  }

  async function clientNow({ client_id }: Credentials): Promise<Client> {
    const entity = (await readRegistry(log, topics)).get(`client/${client_id}`)
    if (entity?.kind !== 'client' || !entity.value) throw new Error(`there is no client ${client_id}`)
    return entity.value
  }

  async function userNow(sub: string): Promise<User | null> {
    const entity = (await readRegistry(log, topics)).get(`user/${sub}`)
    return entity?.kind === 'user' ? entity.value : null
  }

  async function plainOf(user: User): Promise<PlainUser> {
    if (!isSealed(user)) return user
    const personal = (await runtime.people.reveal([user])).get(user.sub)
    if (typeof personal !== 'object') throw new Error(`${user.sub} is ${personal}`)
    const { sub, groups, enabled } = user
    return { sub, groups, enabled, personal }
  }

  async function putUser(over: Partial<PlainUser> = {}): Promise<string> {
    const sub = over.sub ?? `user-${uuidv7()}`
    const personal = { username: `${sub}.name`, name: `Name of ${sub}`, email: `${sub}@people.example` }
    const before = await userNow(sub)
    const plain = before ? await plainOf(before) : defaultUser({ sub, personal })
    const user = { ...plain, ...over }
    seeded(user.personal.username, user.personal.name, user.personal.email)
    const sealed = await runtime.people.seal(user)
    await put(`user/${sub}`, (revision) => ({ type: 'UserPut', data: { revision, user: sealed } }))
    return sub
  }

  return {
    client: (over = {}) => register(over),
    publicClient: (over = {}) =>
      register({ client_type: 'public', token_endpoint_auth_method: 'none', grant_types: ['refresh_token'], ...over }),
    resourceServer: (...folders) => register({ resource_server_folders: folders, scope: '' }),
    changeClient: async (credentials, over) => {
      const client = { ...(await clientNow(credentials)), ...over }
      const key = `client/${credentials.client_id}`
      await put(key, (revision) => ({ type: 'ClientChanged', data: { revision, client } }))
    },
    deleteClient: ({ client_id }) =>
      put(`client/${client_id}`, (revision) => ({ type: 'ClientDeleted', data: { revision, client_id } })),
    user: putUser,
    deleteUser: (sub) => put(`user/${sub}`, (revision) => ({ type: 'UserDeleted', data: { revision, sub } })),
    revokeAllOfUser: async (sub) => {
      const user = await userNow(sub)
      if (!user) throw new Error(`there is no user ${sub}`)
      await put(`user/${sub}`, (revision) => ({ type: 'UserGrantsRevoked', data: { revision, user, reason: 'test' } }))
    },
    scope: (name, ...includes) =>
      put(`scope/${name}`, (revision) => ({
        type: 'ScopePut',
        data: { revision, scope: { name, description: '', includes } },
      })),
    acl: (name, groups) =>
      put(`acl/${name}`, (revision) => ({
        type: 'AclPut',
        data: { revision, acl: { name, allowed_groups: [], denied_groups: [], ...groups } },
      })),
    resource: (name, execute_acl) =>
      put(`resource/${name}`, (revision) => ({
        type: 'ResourcePut',
        data: { revision, resource: { name, execute_acl, templates: [] } },
      })),
    grant: async ({ to, sub, scope, kid }) =>
      issue(runtime, {
        client: await clientNow(to),
        principal: { type: 'user', id: sub ?? (await putUser()) },
        scope: scope ?? null,
        kid: kid ?? requireKeys(runtime).current,
      }),
  }
}

type Issue = { client: Client; principal: Principal; scope: string | null; kid: number }

async function issue(runtime: Runtime, asked: Issue): Promise<Pair> {
  const keys = requireKeys(runtime)
  const grant_id = uuidv7()
  const [bound] = await runtime.log.bounds([runtime.topics.registry])
  const terms = { ...asked, grant_id, grant_type: ADMINISTRATOR_GRANT, registry_position: bound?.end ?? 0 }
  const { event, refused } = issueTokens(terms)
  if (refused) throw new Error(`the grant was refused: ${refused.reason}`)
  await runtime.commit(event, { actor: 'system/test' }, NO_VIEW)
  const content = { kid: asked.kid, grant_id, generation: 1 }
  return { grant_id, access_token: formatToken(keys, 'at', content), refresh_token: formatToken(keys, 'rt', content) }
}
