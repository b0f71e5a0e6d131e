import test from 'ava'
import type { Recorded, RegistryEvent, RegistryFact } from '../../../shared/ledger/events.ts'
import { createRegistry } from '../../../shared/ledger/registry/evolve.ts'
import { PREDEFINED } from '../../../shared/ledger/registry/predefined.ts'
import { uniqueClientName, uniqueUsername } from '../../../shared/ledger/registry/state.ts'
import { T0, client, registered, sealedUser, user } from '../given.ts'

/** A registry after facts, at offsets 0, 1, …; and the verdicts. */
function fold(...facts: RegistryFact[]) {
  const registry = createRegistry()
  const verdicts = facts.map((fact, offset) => registry.apply(registered(fact, offset)).void ?? 'counts')
  return { registry, verdicts }
}

const register = (revision = 1, over = {}): RegistryFact => {
  return { type: 'ClientRegistered', data: { revision, client: client(over) } }
}
const change = (revision: number, over = {}): RegistryFact => {
  return { type: 'ClientChanged', data: { revision, client: client(over) } }
}
const drop = (revision: number): RegistryFact => ({ type: 'ClientDeleted', data: { revision, client_id: 'shop' } })
const putUser = (revision: number, over = {}): RegistryFact => ({
  type: 'UserPut',
  data: { revision, user: user(over) },
})
const ledger: RegistryFact = { type: 'LedgerCreated', data: { ledger_id: '0b0c3f5e-1111-4222-8333-944455566677' } }

test('a ledger is created once', (t) => {
  t.deepEqual(fold(ledger, ledger).verdicts, ['counts', 'ledger_exists'])
})

test('a revision counts only as n → n+1', (t) => {
  const { verdicts } = fold(register(2), register(1), change(1), change(3), change(2), change(3))
  t.deepEqual(verdicts, ['revision_ahead', 'counts', 'revision_taken', 'revision_ahead', 'counts', 'counts'])
})

test('the first of two writers wins', (t) => {
  const { registry, verdicts } = fold(register(), change(2, { groups: ['first'] }), change(2, { groups: ['second'] }))
  t.deepEqual(verdicts, ['counts', 'counts', 'revision_taken'])
  t.like(registry.get('client/shop'), { revision: 2, value: { groups: ['first'] } })
})

test('a living client is not registered again', (t) => {
  t.deepEqual(fold(register(), register(2)).verdicts, ['counts', 'entity_exists'])
})

test('what does not live is neither changed nor deleted', (t) => {
  const facts: RegistryFact[] = [
    change(1),
    { type: 'ClientSecretRenewed', data: { revision: 1, client: client() } },
    drop(1),
    { type: 'ClientGrantsRevoked', data: { revision: 1, client: client(), reason: 'x' } },
    { type: 'ScopeDeleted', data: { revision: 1, name: 'read' } },
    { type: 'GroupDeleted', data: { revision: 1, name: 'Staff' } },
    { type: 'AclDeleted', data: { revision: 1, name: 'Orders' } },
    { type: 'ResourceDeleted', data: { revision: 1, name: 'orders' } },
    { type: 'UserDeleted', data: { revision: 1, sub: 'ada' } },
    { type: 'UserGrantsRevoked', data: { revision: 1, user: user(), reason: 'x' } },
  ]
  t.deepEqual(new Set(fold(...facts).verdicts), new Set(['entity_unknown']))
})

test('a put creates, replaces, and creates again after a deletion', (t) => {
  const put = (revision: number, description: string): RegistryFact => {
    return { type: 'ScopePut', data: { revision, scope: { name: 'read', description, includes: ['orders'] } } }
  }
  const gone: RegistryFact = { type: 'ScopeDeleted', data: { revision: 3, name: 'read' } }
  const { registry, verdicts } = fold(put(1, 'a'), put(2, 'b'), gone, put(4, 'c'))
  t.deepEqual(verdicts, ['counts', 'counts', 'counts', 'counts'])
  t.like(registry.get('scope/read'), { revision: 4, deleted: false, value: { description: 'c' } })
})

test('a tombstone keeps its revision and not_before, and nothing else', (t) => {
  const { registry, verdicts } = fold(register(), drop(2))
  t.deepEqual(verdicts, ['counts', 'counts'])
  t.deepEqual(registry.get('client/shop'), {
    kind: 'client',
    key: 'client/shop',
    revision: 2,
    deleted: true,
    value: null,
    not_before: 1,
    last_offset: 1,
    at: T0 + 1000,
  })
  t.deepEqual(registry.view().clients, [])
})

test('a client of the same id continues the revision, and its earlier grants stay dead', (t) => {
  const { registry, verdicts } = fold(register(), drop(2), register(1), register(3))
  t.deepEqual(verdicts, ['counts', 'counts', 'revision_taken', 'counts'])
  t.like(registry.get('client/shop'), { revision: 3, deleted: false, not_before: 1 })
})

test('revoking all grants and deleting set not_before to their own offset; other changes keep it', (t) => {
  const revokeUser: RegistryFact = { type: 'UserGrantsRevoked', data: { revision: 2, user: user(), reason: 'x' } }
  const afterUser = fold(putUser(1), revokeUser, putUser(3)).registry.get('user/ada')
  t.is(afterUser?.not_before, 1)
  const deleted = fold(putUser(1), { type: 'UserDeleted', data: { revision: 2, sub: 'ada' } }, putUser(3))
  t.is(deleted.registry.get('user/ada')?.not_before, 1)
  const revokeAll: RegistryFact = { type: 'ClientGrantsRevoked', data: { revision: 2, client: client(), reason: 'x' } }
  t.is(fold(register(), revokeAll, change(3)).registry.get('client/shop')?.not_before, 1)
  t.is(fold(register(), change(2)).registry.get('client/shop')?.not_before, null)
})

test('a scope or group that ends, and one that is made again, sets not_before to its own offset; a change keeps it', (t) => {
  const putScope = (revision: number): RegistryFact => {
    return { type: 'ScopePut', data: { revision, scope: { name: 'read', description: '', includes: [] } } }
  }
  const putGroup = (revision: number): RegistryFact => {
    return { type: 'GroupPut', data: { revision, group: { name: 'Staff', description: '' } } }
  }
  const scopeGone: RegistryFact = { type: 'ScopeDeleted', data: { revision: 3, name: 'read' } }
  const groupGone: RegistryFact = { type: 'GroupDeleted', data: { revision: 3, name: 'Staff' } }
  const lives = [
    ['scope/read', putScope, scopeGone],
    ['group/Staff', putGroup, groupGone],
  ] as const
  for (const [key, put, gone] of lives) {
    const notBefore = (...facts: RegistryFact[]) => fold(...facts).registry.get(key)?.not_before
    t.is(notBefore(put(1), put(2)), null)
    t.is(notBefore(put(1), put(2), gone), 2)
    t.is(notBefore(put(1), put(2), gone, put(4)), 3)
    t.is(notBefore(put(1), put(2), gone, put(4), put(5)), 3)
  }
})

test('whoever was in a group that was deleted is in none of that name, until put into it again', (t) => {
  const group = (revision: number): RegistryFact => {
    return { type: 'GroupPut', data: { revision, group: { name: 'Staff', description: '' } } }
  }
  const gone: RegistryFact = { type: 'GroupDeleted', data: { revision: 2, name: 'Staff' } }
  const member = (revision: number) => putUser(revision, { groups: ['Staff', 'Other'] })
  const groupsAfter = (...facts: RegistryFact[]) => fold(...facts).registry.view().users[0]?.groups
  t.deepEqual(groupsAfter(group(1), member(1)), ['Staff', 'Other'])
  t.deepEqual(groupsAfter(group(1), member(1), gone), ['Other'])
  t.deepEqual(groupsAfter(group(1), gone, member(1)), ['Other'])
  t.deepEqual(groupsAfter(group(1), member(1), gone, group(3)), ['Other'])
  t.deepEqual(groupsAfter(group(1), gone, member(1), group(3)), ['Other'])
  t.deepEqual(groupsAfter(group(1), member(1), gone, group(3), member(2)), ['Staff', 'Other'])
})

test('a name and version belong to one living client', (t) => {
  const other = { client_id: 'other' }
  const newer = { client_id: 'newer', client_version: '2' }
  const { verdicts } = fold(register(), register(1, other), register(1, newer), drop(2), register(1, other))
  t.deepEqual(verdicts, ['counts', 'name_taken', 'counts', 'counts', 'counts'])
})

test('a renamed client frees its name and keeps its own', (t) => {
  const renamed = { client_name: 'Store' }
  const { registry, verdicts } = fold(register(), change(2), change(3, renamed), register(1, { client_id: 'other' }))
  t.deepEqual(verdicts, ['counts', 'counts', 'counts', 'counts'])
  t.is(registry.ownerOf(uniqueClientName('Store', '1')), 'client/shop')
  t.is(registry.ownerOf(uniqueClientName('Shop', '1')), 'client/other')
})

test('a username belongs to one living user', (t) => {
  const twin = { sub: 'twin' }
  const gone: RegistryFact = { type: 'UserDeleted', data: { revision: 2, sub: 'ada' } }
  const { registry, verdicts } = fold(putUser(1), putUser(1, twin), gone, putUser(1, twin))
  t.deepEqual(verdicts, ['counts', 'name_taken', 'counts', 'counts'])
  t.is(registry.ownerOf(uniqueUsername('ada')), 'user/twin')
})

test('no two pairs of client name and version are one unique name', (t) => {
  t.not(uniqueClientName('a', '1","2'), uniqueClientName('a","1', '2'))
})

test('an event under another key than its entity is void', (t) => {
  t.is(createRegistry().apply(registered(register(), 0, 'client/other')).void, 'key_mismatch')
})

test('a registry event of a type that nobody knows is void and throws nothing', (t) => {
  const { event, ...rest } = registered(ledger, 0)
  const odd = { ...rest, event: { ...event, type: 'LedgerPainted' } } as unknown as Recorded<RegistryEvent>
  t.is(createRegistry().apply(odd).void, 'unknown_type')
})

test("an entity's time never steps back with the broker's clock", (t) => {
  const registry = createRegistry()
  registry.apply(registered(register(), 5))
  registry.apply({ ...registered(change(2), 6), timestamp: T0 })
  t.is(registry.get('client/shop')?.at, T0 + 5000)
})

test('a registry continued from its entities gives the verdicts of one that was never interrupted', (t) => {
  const { registry } = fold(ledger, guarded(register(), 0), putUser(1), drop(2), ...PREDEFINED)
  const continued = createRegistry(registry.entities(), registry.guardRevision())
  const facts = [register(1), register(3), putUser(1, { sub: 'twin' }), ledger, guarded(change(4), 0)]
  for (const fact of [...facts, guarded(change(4), 1), guarded(change(5), 1)]) {
    t.deepEqual(continued.apply(registered(fact, 90)), registry.apply(registered(fact, 90)))
  }
})

test('the predefined entities count once, however often they are appended', (t) => {
  const { registry, verdicts } = fold(...PREDEFINED, ...PREDEFINED)
  const half = PREDEFINED.length
  t.deepEqual(new Set(verdicts.slice(0, half)), new Set(['counts']))
  t.deepEqual(new Set(verdicts.slice(half)), new Set(['revision_taken']))
  t.deepEqual(
    registry.view().acls.map(({ name }) => name),
    ['Administrators', 'Anonymous', 'Default', 'Developers', 'Internal', 'Replicators', 'Auditors'],
  )
})

const guarded = (fact: RegistryFact, guard_revision: number): RegistryFact =>
  ({ ...fact, data: { ...fact.data, guard_revision } }) as RegistryFact

test('of two events that the guard decided on the same state the first counts, whatever they are about', (t) => {
  const { registry, verdicts } = fold(
    putUser(1),
    guarded(register(), 0),
    guarded(putUser(2, { enabled: false }), 0),
    guarded(putUser(2, { enabled: false }), 2),
    guarded(putUser(2, { enabled: false }), 1),
    change(2),
    guarded(change(3), 2),
  )
  t.deepEqual(verdicts, ['counts', 'counts', 'guard_moved', 'guard_moved', 'counts', 'counts', 'counts'])
  t.is(registry.guardRevision(), 3)
})

test('an event that the guard did not decide counts wherever the counter stands, and leaves it', (t) => {
  const { registry, verdicts } = fold(guarded(register(), 0), change(2), putUser(1), change(3))
  t.deepEqual(verdicts, ['counts', 'counts', 'counts', 'counts'])
  t.is(registry.guardRevision(), 1)
})

test('a copy of a guarded event is told as a copy, and a void one does not raise the counter', (t) => {
  const { registry, verdicts } = fold(guarded(register(), 0), guarded(register(), 0), guarded(change(9), 1))
  t.deepEqual(verdicts, ['counts', 'revision_taken', 'revision_ahead'])
  t.is(registry.guardRevision(), 1)
})

test('a kid stands for one key for ever: checks are added, never changed, and nothing follows its retirement', (t) => {
  const introduce = (revision: number, checks: Record<string, string>): RegistryFact => {
    return { type: 'KeyIntroduced', data: { revision, kid: 7, checks } }
  }
  const retire = (revision: number): RegistryFact => ({ type: 'KeyRetired', data: { revision, kid: 7 } })
  const { registry, verdicts } = fold(
    introduce(1, { at: 'a' }),
    introduce(2, { at: 'x', rt: 'r' }),
    introduce(2, { rt: 'r' }),
    introduce(2, { at: 'a', rt: 'r' }),
    retire(3),
    introduce(4, { at: 'a', rt: 'r' }),
    retire(4),
  )
  const counted = ['counts', 'key_differs', 'key_differs', 'counts', 'counts', 'key_retired', 'key_retired']
  t.deepEqual(verdicts, counted)
  t.like(registry.get('key/7'), { kind: 'key', revision: 3, deleted: true, value: null })
  t.deepEqual(fold(retire(1), introduce(2, { at: 'a' })).verdicts, ['counts', 'key_retired'], 'one nobody proved')
})

const putSealed = (revision: number, sub: string, index: string): RegistryFact => {
  return { type: 'UserPut', data: { revision, user: sealedUser(sub, index) } }
}
const forget = (revision: number, sub: string): RegistryFact => ({ type: 'UserForgotten', data: { revision, sub } })

test('sealed names are unique by their index, and a name is free again once its person is forgotten', (t) => {
  const { verdicts } = fold(
    putSealed(1, 'a', 'INDEX'),
    putSealed(1, 'b', 'INDEX'),
    putSealed(1, 'b', 'OTHER'),
    forget(2, 'a'),
    putSealed(2, 'b', 'INDEX'),
  )
  t.deepEqual(verdicts, ['counts', 'name_taken', 'counts', 'counts', 'counts'])
})

test('traps-running 18: about a forgotten person nothing counts any more, whatever its revision', (t) => {
  const { registry, verdicts } = fold(putSealed(1, 'a', 'INDEX'), forget(2, 'a'), putSealed(3, 'a', 'INDEX'), {
    type: 'UserGrantsRevoked',
    data: { revision: 3, user: sealedUser('a', 'INDEX'), reason: 'x' },
  })
  t.deepEqual(verdicts, ['counts', 'counts', 'user_forgotten', 'user_forgotten'])
  t.like(registry.get('user/a'), { deleted: true, forgotten: true, value: null, not_before: 1, revision: 2 })
})

test('whoever is deleted already can be forgotten, and nobody who never was', (t) => {
  const deleted: RegistryFact = { type: 'UserDeleted', data: { revision: 2, sub: 'a' } }
  const { registry, verdicts } = fold(putSealed(1, 'a', 'I'), deleted, forget(3, 'a'), forget(1, 'b'))
  t.deepEqual(verdicts, ['counts', 'counts', 'counts', 'entity_unknown'])
  t.true(registry.get('user/a')?.forgotten)
})

const setPassword = (revision: number, password_epoch: number): RegistryFact => {
  return { type: 'UserPasswordSet', data: { revision, user: sealedUser('a', 'INDEX'), password_epoch } }
}

test('another password ends all grants of before, and its epoch stays with whatever changes the user later', (t) => {
  const { registry, verdicts } = fold(putSealed(1, 'a', 'INDEX'), setPassword(2, 1), putSealed(3, 'a', 'INDEX'))
  t.deepEqual(verdicts, ['counts', 'counts', 'counts'])
  t.like(registry.get('user/a'), { not_before: 1, password_epoch: 1, revision: 3 })
})

test('the epoch of a password only rises', (t) => {
  const { registry, verdicts } = fold(
    putSealed(1, 'a', 'INDEX'),
    setPassword(2, 2),
    setPassword(3, 2),
    setPassword(3, 1),
    setPassword(3, 4),
  )
  t.deepEqual(verdicts, ['counts', 'counts', 'password_epoch_taken', 'password_epoch_taken', 'counts'])
  t.like(registry.get('user/a'), { password_epoch: 4, not_before: 4 })
})

test('a deleted user passes on an epoch that no password of before can have, nor one that was being set then', (t) => {
  const { registry, verdicts } = fold(
    putSealed(1, 'a', 'INDEX'),
    setPassword(2, 1),
    { type: 'UserDeleted', data: { revision: 3, sub: 'a' } },
    setPassword(3, 2),
    setPassword(4, 4),
    putSealed(4, 'a', 'INDEX'),
    setPassword(5, 2),
  )
  t.deepEqual(verdicts.slice(2), ['counts', 'revision_taken', 'entity_unknown', 'counts', 'password_epoch_taken'])
  t.like(registry.get('user/a'), { deleted: false, password_epoch: 3 })
})

const linked = (revision: number, sub: string, ...external: [issuer: string, sub_index: string][]): RegistryFact => {
  const accounts = external.map(([issuer, sub_index]) => ({ issuer, sub_index }))
  return { type: 'UserPut', data: { revision, user: { ...sealedUser(sub, sub), external: accounts } } }
}
const HERE = 'https://id.example'

test('an account elsewhere belongs to one living user, and another issuer means another account by the same index', (t) => {
  const { verdicts } = fold(
    linked(1, 'a', [HERE, 'one']),
    linked(1, 'b', [HERE, 'two'], [HERE, 'one']),
    linked(1, 'b', ['https://other.example', 'one'], [HERE, 'two']),
    linked(2, 'a', [HERE, 'one'], [HERE, 'three']),
  )
  t.deepEqual(verdicts, ['counts', 'external_taken', 'counts', 'counts'])
})

test('an account elsewhere is free again once it is unlinked, or its user deleted or forgotten', (t) => {
  for (const end of [
    linked(2, 'a'),
    forget(2, 'a'),
    { type: 'UserDeleted', data: { revision: 2, sub: 'a' } } as const,
  ]) {
    const { verdicts } = fold(linked(1, 'a', [HERE, 'one']), end, linked(1, 'b', [HERE, 'one']))
    t.deepEqual(verdicts, ['counts', 'counts', 'counts'], end.type)
  }
})

test('a record of version 1 takes no account elsewhere, whatever stands in it', (t) => {
  const odd = { type: 'UserPut', data: { revision: 1, user: { ...user(), external: 7 } } } as unknown as RegistryFact
  t.deepEqual(fold(odd, linked(1, 'b', [HERE, 'one'])).verdicts, ['counts', 'counts'])
})
