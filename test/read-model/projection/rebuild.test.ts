import test from 'ava'
import { projectionStatus } from '../../../services/audit/status/projection-status.ts'
import type { Range } from '../../../shared/event-log/event-log.ts'
import { OperatorError } from '../../../shared/config/operator-error.ts'
import { REGISTRY_KINDS } from '../../../shared/ledger/registry/kinds.ts'
import { fillReadModel } from '../../../shared/read-model/projection/rebuild.ts'
import { createReadModel } from '../../../shared/read-model/versions/build.ts'
import { startProjector } from '../../../services/projector/projector.ts'
import { until } from '../../support/waiting.ts'
import { verify } from '../../../services/audit/verify/verify.ts'
import { issued, refreshed, revoked, client } from '../../ledger/given.ts'
import {
  appendUnreadable,
  closeEmbedded,
  embeddedLedger,
  grantId,
  rebuiltBeside,
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
  const progress: string[] = []
  const rebuilt = await rebuiltBeside(ledger, (done, total) => progress.push(`${done}/${total}`))
  t.deepEqual(await contents(rebuilt), before)
  t.is((await verify(rebuilt)).difference, null)
  t.is(progress.at(-1), '24/24')
  t.deepEqual(await contents(ledger), before, 'the one in use is as it was')
})

test('a rebuild dates generations by the log, so that a spent token does not look young', async (t) => {
  const ledger = await embeddedLedger()
  ledger.clock.shiftMs = -600_000
  await ledger.append(issued({ grant_id: grantId(1) }))
  await ledger.project()
  const ages = async ({ knex, schema }: WrittenLedger) => {
    const { rows } = await knex.raw<{ rows: { young: boolean }[] }>(
      `SELECT projected_at > now() - interval '300 seconds' AS young FROM ${schema}.bearer_tokens`,
    )
    return rows
  }
  t.deepEqual(await ages(ledger), [{ young: true }])
  t.deepEqual(await ages(await rebuiltBeside(ledger)), [{ young: false }])
})

test('after a rebuild nothing is answered from what was built before a projector has run', async (t) => {
  const rebuilt = await rebuiltBeside(await lived())
  const { healthy, partitions } = await projectionStatus(rebuilt, 60_000)
  t.false(healthy)
  t.true(partitions.every(({ age_ms }) => age_ms === null))
})

test('a rebuild that was cut short goes on where it was, and what another process writes meanwhile ends it', async (t) => {
  const ledger = await lived()
  const beside = { ...ledger, schema: `${ledger.schema}_cut` }
  await createReadModel(ledger.knex, beside.schema)
  let reads = 0
  const failing = {
    ...ledger.log,
    read: (range: Range) => {
      if (++reads > 9) throw new Error('killed')
      return ledger.log.read(range)
    },
  }
  await t.throwsAsync(fillReadModel({ ...beside, log: failing }, { lanes: 1 }), { message: 'killed' })
  const progress: number[] = []
  await fillReadModel(beside, { lanes: 1, progress: (done) => progress.push(done) })
  t.true(progress.length > 0 && progress.length < 14, `${progress.length} steps for what was left`)
  t.is((await verify(beside)).difference, null)

  const other = { ...ledger, schema: `${ledger.schema}_two` }
  await createReadModel(ledger.knex, other.schema)
  const interrupted = {
    ...ledger.log,
    read: async function* (range: Range) {
      yield* ledger.log.read(range)
      if (range.topic === ledger.topics.grants) await fillReadModel(other, { lanes: 1 })
    },
  }
  await t.throwsAsync(fillReadModel({ ...other, log: interrupted }, { lanes: 1 }), {
    instanceOf: OperatorError,
    message: /another process fills this read model/,
  })
  t.is((await verify(other)).difference, null)
})

test('a rebuild stops where a projector stops, and a projector goes on where a rebuild ended', async (t) => {
  const ledger = await lived()
  await appendUnreadable(ledger, grantId(1))
  await ledger.append(refreshed(2, { grant_id: grantId(1) }))
  const rebuilt = await rebuiltBeside(ledger)
  t.is((await verify(rebuilt)).difference, null)
  t.like(
    (await projectionStatus(rebuilt, 60_000)).partitions.find(({ lag }) => lag !== 0),
    { partition: 1, status: 'stopped', lag: 2 },
  )
  await ledger.append(refreshed(2, { grant_id: grantId(5) }))
  const following = await startProjector({ ...rebuilt, group: `${rebuilt.schema}.projector` })
  await until(
    async () => (await verify(rebuilt)).partitions.find(({ partition }) => partition === 5)?.next === 2,
    'the projector to go on',
  )
  await following.stop()
  t.is((await verify(rebuilt)).difference, null)
})
