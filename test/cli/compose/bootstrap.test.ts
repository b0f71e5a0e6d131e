import { randomBytes } from 'node:crypto'
import test from 'ava'
import { bootstrapEvents } from '../../../services/cli/compose/bootstrap.ts'
import type { RegistryFact } from '../../../shared/ledger/events.ts'
import { createRegistry } from '../../../shared/ledger/registry/evolve.ts'
import {
  type ActingGrants,
  administratorsOf as standingAdministrators,
  usableKids,
} from '../../../shared/ledger/access/administrators.ts'
import { PREDEFINED } from '../../../shared/ledger/registry/predefined.ts'
import { verifyClientSecret } from '../../../shared/tokens/client-secret.ts'
import { deriveKeys } from '../../../shared/tokens/keys.ts'
import { client, registered, user } from '../../ledger/given.ts'

const keys = deriveKeys([{ kid: 1, secret: randomBytes(32) }], 'ledger')
const secret = randomBytes(32).toString('base64url')

function registryOf(...facts: RegistryFact[]) {
  const registry = createRegistry()
  const append = (more: readonly RegistryFact[]) => {
    for (const fact of more) registry.apply(registered(fact, registry.entities().length + offset++))
  }
  let offset = 0
  append([...PREDEFINED, ...facts])
  return { registry, append }
}

type Registry = ReturnType<typeof createRegistry>

const standingOf = (registry: Registry, grants: ActingGrants[] = [], held = keys) => {
  return { view: registry.view(), kids: usableKids(held.kids, registry.get), grants }
}

const bootstrap = (registry: Registry, grants: ActingGrants[] = [], held = keys) =>
  bootstrapEvents({ registry, standing: standingOf(registry, grants, held), clientId: 'root', secret, keys: held })

const administratorsOf = (registry: Registry) => standingAdministrators(standingOf(registry))

test('a ledger without an administrator gets one, and only once', (t) => {
  const { registry, append } = registryOf()
  const facts = bootstrap(registry)
  append(facts)
  t.deepEqual(administratorsOf(registry), [{ type: 'client', id: 'root' }])
  const [made] = registry.view().clients
  t.true(verifyClientSecret(keys, secret, made?.secret ?? null))
  t.false(JSON.stringify(facts).includes(secret))
  t.deepEqual(bootstrap(registry), [])
})

test('nobody is made an administrator while a user with a grant is one; one without a grant is none', (t) => {
  const put: RegistryFact = { type: 'UserPut', data: { revision: 1, user: user({ groups: ['Administrators'] }) } }
  const portal = client({ client_id: 'portal', client_type: 'public', scope: 'ledger.admin' })
  const { registry } = registryOf(put, { type: 'ClientRegistered', data: { revision: 1, client: portal } })
  const whose = { sub: 'ada', client_id: 'portal', scope: 'ledger.admin', grant_ids: ['1'] }
  t.deepEqual(bootstrap(registry, [{ ...whose, kind: 'rt' }]), [])
  t.deepEqual(bootstrap(registry, [{ ...whose, kind: 'at' }]), [])
  t.is(bootstrap(registry).length, 1)
})

test('the bootstrap client comes back after it was changed or deleted', (t) => {
  const { registry, append } = registryOf()
  append(bootstrap(registry))
  const weak = client({ client_id: 'root', client_name: 'root', enabled: false })
  append([{ type: 'ClientChanged', data: { revision: 2, client: weak } }])
  t.deepEqual(administratorsOf(registry), [])
  append(bootstrap(registry))
  t.is(administratorsOf(registry).length, 1)
  append([{ type: 'ClientDeleted', data: { revision: 4, client_id: 'root' } }])
  t.deepEqual(administratorsOf(registry), [])
  append(bootstrap(registry))
  t.is(administratorsOf(registry).length, 1)
})

test('an administrator whose secret is stored under a lost key does not keep the bootstrap client out', (t) => {
  const { registry, append } = registryOf()
  append(bootstrap(registry))
  const later = deriveKeys([{ kid: 2, secret: randomBytes(32) }], 'ledger')
  append(bootstrap(registry, [], later))
  const [root] = registry.view().clients
  t.true(verifyClientSecret(later, secret, root?.secret ?? null))
  t.deepEqual(bootstrap(registry, [], later), [])
})

test('whoever holds its name cannot keep the bootstrap client out', (t) => {
  const squatter = client({ client_id: 'x', client_name: 'root', client_version: '1' })
  const { registry, append } = registryOf({ type: 'ClientRegistered', data: { revision: 1, client: squatter } })
  append(bootstrap(registry))
  t.is(administratorsOf(registry).length, 1)
})

test('a short secret is refused, for it is stored under a fast hash', (t) => {
  const { registry } = registryOf()
  const short = () =>
    bootstrapEvents({ registry, standing: standingOf(registry), clientId: 'root', secret: 'x'.repeat(31), keys })
  t.throws(short, { message: /at least 32 characters/ })
})
