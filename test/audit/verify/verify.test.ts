import test from 'ava'
import { issued, refreshed, revoked, client, user } from '../../ledger/given.ts'
import { projectionStatus } from '../../../services/audit/status/projection-status.ts'
import { verify } from '../../../services/audit/verify/verify.ts'
import {
  appendUnreadable,
  closeEmbedded,
  embeddedLedger,
  grantId,
  seed,
  type WrittenLedger,
} from '../../support/written-ledger.ts'

test.after.always(closeEmbedded)

/** Two grants, one of them refreshed, one of them revoked, and some void events; projected. */
async function projected(): Promise<WrittenLedger> {
  const ledger = await embeddedLedger()
  await seed(ledger)
  await ledger.append({
    type: 'ScopePut',
    data: { revision: 1, scope: { name: 'read', description: 'Read.', includes: ['orders'] } },
  })
  await ledger.append({
    type: 'AclPut',
    data: { revision: 1, guard_revision: 0, acl: { name: 'A', allowed_groups: ['G'], denied_groups: [] } },
  })
  await ledger.append({
    type: 'ResourcePut',
    data: { revision: 1, resource: { name: 'orders', execute_acl: 'A', templates: [{ method: 'GET', path: '/o' }] } },
  })
  await ledger.append({ type: 'GroupPut', data: { revision: 1, group: { name: 'G', description: '' } } })
  await ledger.append({
    type: 'ClientChanged',
    data: { revision: 2, client: client({ secret: { kid: 1, hash: 'x' }, groups: ['G'] }) },
  })
  await ledger.append({ type: 'UserPut', data: { revision: 1, user: user() } })
  await ledger.append(refreshed(2, { grant_id: grantId(1) }))
  await ledger.append(refreshed(2, { grant_id: grantId(1) }))
  await ledger.append(issued({ grant_id: grantId(2) }))
  await ledger.append(revoked({ grant_id: grantId(2) }))
  await ledger.project()
  return ledger
}

test('a read model that is what the log says is found equal, and the report says how much was compared', async (t) => {
  const ledger = await projected()
  const report = await verify(ledger)
  t.is(report.difference, null)
  t.true(report.equal)
  t.is(report.partitions.length, 13)
  t.like(
    report.partitions.find(({ topic }) => topic === ledger.topics.registry),
    { records: 9, voids: 1, next: 9 },
  )
  t.like(
    report.partitions.find(({ partition, topic }) => partition === 1 && topic === ledger.topics.grants),
    { records: 3, voids: 1 },
  )
})

const TAMPERINGS: [what: string, sql: string, found: Record<string, unknown>][] = [
  [
    'a revoked grant that lives again',
    `UPDATE grants SET status = 'live' WHERE status = 'revoked'`,
    { table: 'grants', column: 'status', log: 'revoked', read_model: 'live' },
  ],
  [
    'a grant that moved to another user',
    `UPDATE grants SET principal_id = 'eve'`,
    { table: 'grants', column: 'principal_id' },
  ],
  [
    'a grant that is said to lie elsewhere',
    'UPDATE grants SET partition = 5 WHERE partition = 1',
    { column: 'partition', log: 1, read_model: 5 },
  ],
  [
    'a grant that moved in time by a microsecond',
    `UPDATE grants SET at = at + interval '1 microsecond'`,
    { column: 'at' },
  ],
  [
    'a grant that is gone',
    `DELETE FROM grants WHERE status = 'live'`,
    { table: 'grants', key: grantId(1), column: null, read_model: 'no row' },
  ],
  [
    'a grant that nobody gave',
    `INSERT INTO grants SELECT (jsonb_populate_record(g, jsonb_build_object('grant_id', '${grantId(6)}'))).* FROM grants g LIMIT 1`,
    { table: 'grants', key: grantId(6), column: null, log: 'no row' },
  ],
  [
    'a bearer token that lives longer',
    'UPDATE bearer_tokens SET exp = exp + 1 WHERE generation = 2',
    { table: 'bearer_tokens', key: `${grantId(1)}/2`, column: 'exp' },
  ],
  [
    'a bearer token that is gone',
    'DELETE FROM bearer_tokens WHERE generation = 1',
    { table: 'bearer_tokens', column: null, read_model: 'no row' },
  ],
  [
    'a bearer token that nobody made',
    `INSERT INTO bearer_tokens SELECT grant_id, 7, event_id, kid, scope, at, iat, exp, at, partition, look_at FROM bearer_tokens WHERE generation = 2`,
    { key: `${grantId(1)}/7`, log: 'no row' },
  ],
  [
    'a wider scope',
    `UPDATE bearer_tokens SET scope = 'read write admin' WHERE generation = 2`,
    { column: 'scope', log: 'read write', read_model: 'read write admin' },
  ],
  [
    'another client secret',
    `UPDATE clients SET secret = '{"kid":1,"hash":"y"}'`,
    { table: 'clients', key: 'shop', column: 'secret' },
  ],
  [
    'a user in more groups',
    `UPDATE users SET groups = '{Administrators}'`,
    { table: 'users', key: 'ada', column: 'groups', log: [], read_model: ['Administrators'] },
  ],
  [
    'an ACL that lets others in',
    `UPDATE acls SET allowed_groups = '{G,Everybody}'`,
    { table: 'acls', column: 'allowed_groups' },
  ],
  [
    'a scope that reaches further',
    `UPDATE scopes SET includes = '{orders,ledger}'`,
    { table: 'scopes', column: 'includes' },
  ],
  [
    'a resource without its ACL',
    'UPDATE resources SET execute_acl = NULL',
    { table: 'resources', column: 'execute_acl', log: 'A', read_model: null },
  ],
  [
    'a group that nobody made',
    `INSERT INTO groups SELECT 'Z', description, value, revision, deleted, not_before, last_offset, at FROM groups`,
    { table: 'groups', key: 'Z', log: 'no row' },
  ],
  [
    'another hash chain',
    `UPDATE checkpoints SET chain = sha256('x') WHERE partition = 1`,
    { table: 'checkpoints', column: 'chain' },
  ],
  [
    'another last record',
    `UPDATE checkpoints SET last_hash = sha256('x') WHERE partition = 1`,
    { column: 'last_hash' },
  ],
  [
    'a guard that lost count',
    "UPDATE checkpoints SET guard_revision = 0 WHERE topic LIKE '%.registry'",
    { column: 'guard_revision', log: 1, read_model: 0 },
  ],
  [
    'another count of void events',
    'UPDATE checkpoints SET void_count = 0 WHERE partition = 1',
    { column: 'void_count', log: 1, read_model: 0 },
  ],
  ['another log', `UPDATE checkpoints SET cluster_id = 'elsewhere'`, { column: 'cluster_id', read_model: 'elsewhere' }],
  [
    'a checkpoint beyond the end of the log',
    'UPDATE checkpoints SET next = 99 WHERE partition = 1',
    { column: 'next', log: 'ends at offset 3', read_model: 99 },
  ],
  [
    'a checkpoint that fell behind its rows',
    'UPDATE checkpoints SET next = 1 WHERE partition = 1',
    { table: 'grants', key: grantId(1) },
  ],
  [
    'a checkpoint that is gone',
    'DELETE FROM checkpoints WHERE partition = 3',
    { table: 'checkpoints', read_model: 'no checkpoint' },
  ],
  [
    'a partition that is known to be another',
    `UPDATE checkpoints SET status = 'diverged' WHERE partition = 1`,
    { column: 'status', read_model: 'diverged' },
  ],
]

for (const [what, sql, found] of TAMPERINGS) {
  test(`a verification finds ${what}`, async (t) => {
    const ledger = await projected()
    const changed = await tamper(ledger, sql)
    t.true(changed > 0)
    const { equal, difference } = await verify(ledger)
    t.false(equal)
    t.like(difference, found)
  })
}

async function tamper({ knex, schema }: WrittenLedger, sql: string): Promise<number> {
  const placed = sql.replace(/(UPDATE|FROM|INTO) ([a-z_]+)/g, `$1 ${schema}.$2`)
  const { rowCount } = await knex.raw<{ rowCount: number }>(placed)
  return rowCount
}

test('what was dead for an hour may be gone, but not be changed', async (t) => {
  const ledger = await embeddedLedger()
  const { knex, schema, clock } = ledger
  const remove = async (n: number) => {
    await knex.raw(`DELETE FROM ${schema}.grants WHERE grant_id = ?`, [grantId(n)])
    await knex.raw(`DELETE FROM ${schema}.bearer_tokens WHERE grant_id = ?`, [grantId(n)])
  }
  const shortLived = { access_token_lifetime: 60, refresh: null }
  clock.shiftMs = -3_700_000
  await ledger.append(issued({ grant_id: grantId(1), ...shortLived }))
  await ledger.append(issued({ grant_id: grantId(2) }))
  await ledger.append(revoked({ grant_id: grantId(2) }))
  await ledger.append(issued({ grant_id: grantId(3) }))
  clock.shiftMs = -3_500_000
  await ledger.append(issued({ grant_id: grantId(4), ...shortLived }))
  await ledger.project()
  await knex.raw(`UPDATE ${schema}.grants SET client_id = 'eve' WHERE grant_id = ?`, [grantId(2)])
  t.like((await verify(ledger)).difference, { table: 'grants', key: grantId(2), column: 'client_id' })
  await remove(2)
  await remove(1)
  t.is((await verify(ledger)).difference, null)
  await remove(4)
  t.like((await verify(ledger)).difference, { table: 'bearer_tokens', key: `${grantId(4)}/1`, read_model: 'no row' })
})

test('a bearer token that was dead for an hour may be gone before its grant is', async (t) => {
  const ledger = await embeddedLedger()
  const { knex, schema, clock } = ledger
  const grant_id = grantId(1)
  clock.shiftMs = -3_700_000
  await ledger.append(issued({ grant_id, access_token_lifetime: 60 }))
  await ledger.append(refreshed(2, { grant_id }))
  await ledger.project()
  await knex.raw(`DELETE FROM ${schema}.bearer_tokens WHERE generation = 1`)
  t.is((await verify(ledger)).difference, null)
  await knex.raw(`DELETE FROM ${schema}.bearer_tokens WHERE generation = 2`)
  t.like((await verify(ledger)).difference, { key: `${grant_id}/2`, read_model: 'no row' })
})

test('a partition that stopped is right as far as it goes, and not healthy', async (t) => {
  const ledger = await projected()
  await appendUnreadable(ledger, grantId(1))
  await ledger.append(refreshed(3, { grant_id: grantId(1) }))
  await ledger.project()
  t.true((await verify(ledger)).equal)
  const { healthy, partitions } = await projectionStatus(ledger, 60_000)
  t.false(healthy)
  const stopped = partitions.find(({ status }) => status === 'stopped')
  t.like(stopped, { partition: 1, lag: 2, voids: 1 })
  t.true(stopped?.problem?.includes('offset 3'))
})

test('status tells how far each partition is, and that a read model of yesterday is not healthy', async (t) => {
  const ledger = await projected()
  const never = await projectionStatus(ledger, 60_000)
  t.is(never.partitions[0]?.problem, 'it was never known to be complete')
  await fresh(ledger, '1 second')
  const now = await projectionStatus(ledger, 60_000)
  t.true(now.healthy)
  const registry = now.partitions.find(({ topic }) => topic === ledger.topics.registry)
  t.like(registry, { topic: ledger.topics.registry, next: 9, end: 9, lag: 0, status: 'ok', voids: 1 })
  t.true((registry?.age_ms ?? 0) >= 1000)
  await fresh(ledger, '1 day')
  t.is((await projectionStatus(ledger, 60_000)).partitions[0]?.problem, 'it was last complete 86400 s ago')
  await ledger.append(refreshed(3, { grant_id: grantId(1) }))
  t.is((await projectionStatus(ledger, 60_000)).partitions.find(({ lag }) => lag !== 0)?.partition, 1)
})

async function fresh({ knex, schema }: WrittenLedger, age: string): Promise<void> {
  await knex.raw(`UPDATE ${schema}.checkpoints SET fresh_as_of = now() - ?::interval`, [age])
}
