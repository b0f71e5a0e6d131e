import test from 'ava'
import { projectionStatus } from '../../../services/audit/status/projection-status.ts'
import type { Range } from '../../../shared/event-log/event-log.ts'
import { OperatorError } from '../../../shared/config/operator-error.ts'
import { REGISTRY_KINDS } from '../../../shared/ledger/registry/kinds.ts'
import { rebuild } from '../../../shared/read-model/projection/rebuild.ts'
import { verify } from '../../../services/audit/verify/verify.ts'
import { issued, refreshed, revoked, client } from '../../ledger/given.ts'
import {
  appendUnreadable,
  closeEmbedded,
  embeddedLedger,
  grantId,
  seed,
  type WrittenLedger,
} from '../../support/written-ledger.ts'

test.after.always(closeEmbedded)

async function lived(): Promise<WrittenLedger> {
  const ledger = await embeddedLedger()
  await seed(ledger)
  const changed = { revision: 2, guard_revision: 0, client: client({ groups: ['G'] }) }
  await ledger.append({ type: 'ClientChanged', data: changed })
  for (let n = 2; n < 15; n++) await ledger.append(issued({ grant_id: grantId(n) }))
  await ledger.append(refreshed(2, { grant_id: grantId(2) }))
  await ledger.append(refreshed(2, { grant_id: grantId(2) }))
  await ledger.append(revoked({ grant_id: grantId(3) }))
  for (const kid of [1, 2])
    await ledger.append({ type: 'KeyIntroduced', data: { revision: 1, kid, checks: { at: 'a'.repeat(43) } } })
  await ledger.append({ type: 'KeyRetired', data: { revision: 2, kid: 1 } })
  await ledger.project()
  return ledger
}

const REGISTRY = Object.values(REGISTRY_KINDS).map(({ plural }) => plural)
const TABLES = ['grants', 'bearer_tokens', 'checkpoints', ...REGISTRY]

/** Every row of the read model, but for when it was projected. */
async function contents({ knex, schema }: WrittenLedger): Promise<unknown> {
  const tables = await Promise.all(
    TABLES.map((table) =>
      knex.raw<{ rows: unknown[] }>(
        `SELECT to_jsonb(t) - 'projected_at' - 'fresh_as_of' AS row FROM ${schema}.${table} t ORDER BY 1`,
      ),
    ),
  )
  return tables.map(({ rows }) => rows)
}

test('a rebuilt read model is the one that was there', async (t) => {
  const ledger = await lived()
  const before = await contents(ledger)
  await ledger.knex.raw(`UPDATE ${ledger.schema}.grants SET status = 'live'`)
  await ledger.knex.raw(`DELETE FROM ${ledger.schema}.clients`)
  t.false((await verify(ledger)).equal)
  const progress: string[] = []
  await rebuild(ledger, { force: false }, (done, total) => progress.push(`${done}/${total}`))
  t.deepEqual(await contents(ledger), before)
  t.is((await verify(ledger)).difference, null)
  t.is(progress.at(-1), '24/24')
})

test('a rebuild dates generations by the log, so that a spent token does not look young', async (t) => {
  const ledger = await embeddedLedger()
  ledger.clock.shiftMs = -600_000
  await ledger.append(issued({ grant_id: grantId(1) }))
  await ledger.project()
  const ages = async () => {
    const { rows } = await ledger.knex.raw<{ rows: { young: boolean }[] }>(
      `SELECT projected_at > now() - interval '300 seconds' AS young FROM ${ledger.schema}.bearer_tokens`,
    )
    return rows
  }
  t.deepEqual(await ages(), [{ young: true }])
  await rebuild(ledger, { force: false })
  t.deepEqual(await ages(), [{ young: false }])
})

test('a rebuild is refused, and nothing changes, while the read model is kept fresh', async (t) => {
  const ledger = await lived()
  const { knex, schema } = ledger
  await knex.raw(`UPDATE ${schema}.checkpoints SET fresh_as_of = now() - interval '2 seconds' WHERE partition = 4`)
  const before = await contents(ledger)
  await t.throwsAsync(rebuild(ledger, { force: false }), { instanceOf: OperatorError, message: /--force/ })
  t.deepEqual(await contents(ledger), before)
  await rebuild(ledger, { force: true })
  t.deepEqual(await contents(ledger), before)
})

test('after a rebuild nothing is answered from before a projector has run', async (t) => {
  const ledger = await lived()
  await ledger.knex.raw(`UPDATE ${ledger.schema}.checkpoints SET fresh_as_of = now()`)
  await rebuild(ledger, { force: true })
  const { healthy, partitions } = await projectionStatus(ledger, 60_000)
  t.false(healthy)
  t.true(partitions.every(({ age_ms }) => age_ms === null))
})

test('a rebuild gives up as soon as a projector has moved a checkpoint meanwhile', async (t) => {
  const ledger = await lived()
  const { log } = ledger
  const interrupted = {
    ...log,
    read: async function* (range: Range) {
      yield* log.read(range)
      await ledger.project()
    },
  }
  await t.throwsAsync(rebuild({ ...ledger, log: interrupted }, { force: true }), {
    instanceOf: OperatorError,
    message: /stop it, then rebuild again/,
  })
  t.is((await verify(ledger)).difference, null)
})

test('a rebuild stops where a projector stops, and a projector goes on where a rebuild ended', async (t) => {
  const ledger = await lived()
  await appendUnreadable(ledger, grantId(1))
  await ledger.append(refreshed(2, { grant_id: grantId(1) }))
  await rebuild(ledger, { force: false })
  t.is((await verify(ledger)).difference, null)
  t.like(
    (await projectionStatus(ledger, 60_000)).partitions.find(({ lag }) => lag !== 0),
    { partition: 1, status: 'stopped', lag: 2 },
  )
  await ledger.append(refreshed(2, { grant_id: grantId(5) }))
  await ledger.project()
  const report = await verify(ledger)
  t.is(report.difference, null)
  t.is(report.partitions.find(({ partition }) => partition === 5)?.next, 2)
})
