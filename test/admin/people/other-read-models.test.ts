import { verify } from '../../../services/audit/verify/verify.ts'
import type { People } from '../../../shared/accounts/people.ts'
import type { EventLog } from '../../../shared/event-log/event-log.ts'
import type { Runtime } from '../../../shared/process/runtime.ts'
import { loadCheckpoints } from '../../../shared/read-model/checkpoints.ts'
import { fillReadModel } from '../../../shared/read-model/projection/rebuild.ts'
import { switchReadModel } from '../../../shared/read-model/versions/switch.ts'
import { realTest } from '../../support/real-parts.ts'
import { until } from '../../support/waiting.ts'
import { startLedger } from '../ledger.ts'
import { everythingIn } from './everything.ts'
import { ADA, emptyBeside, foldRegistry, forget, NAMES, putNew, seedNames, shownIn, SUB } from './person.ts'

const test = realTest('postgres')

const GRACE = { sub: 'grace', username: 'Grace', personal_state: null }
const FORGOTTEN = { sub: SUB, username: null, personal_state: 'forgotten' }

async function startWithAda(t: Parameters<typeof startLedger>[0]) {
  seedNames()
  const ledger = await startLedger(t)
  await putNew(ledger)
  await putNew(ledger, { username: 'Grace' }, 'grace')
  return ledger
}

/** People who are held up once they have read the keys that open the names. */
function heldUp(people: People) {
  let opened = false
  let go: () => void = () => undefined
  const going = new Promise<void>((resolve) => (go = resolve))
  const open: People['open'] = async (users, knex) => {
    const found = await people.open(users, knex)
    opened ||= users.some(({ sub }) => sub === SUB)
    if (opened) await going
    return found
  }
  return { people: { ...people, open }, opened: () => opened, go }
}

/** A log that is read in two batches, the second of which begins with what was written first about ADA. */
function inTwo(log: EventLog): EventLog {
  return {
    ...log,
    read: async function* (range, signal) {
      for await (const batch of log.read(range, signal)) {
        const { start, next, records } = batch
        const at = records.find(({ key }) => key.toString('utf8') === `user/${SUB}`)?.offset ?? start
        const [before, after] = [
          records.filter(({ offset }) => offset < at),
          records.filter(({ offset }) => offset >= at),
        ]
        if (before.length > 0) yield { ...batch, next: at, records: before }
        yield { ...batch, start: Math.max(start, at), next, records: after }
      }
    },
  }
}

/** Whether somebody waits for a lock of another. */
async function isWaiting(knex: Runtime['knex']): Promise<boolean> {
  const { rows } = await knex.raw<{ rows: unknown[] }>(
    `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
  )
  return rows.length > 0
}

const isEqual = async (runtime: Runtime) => (await verify(runtime)).difference

test('traps-running 18: after the 200 the name stands in no read model, also in one whose projector is dead', async (t) => {
  const ledger = await startWithAda(t)
  const { runtime } = ledger
  const dead = await emptyBeside(runtime, 'ledger_v2_2')
  await foldRegistry(dead)
  t.like(await shownIn(runtime.knex, dead.schema), [{ sub: SUB, username: ADA.username }, GRACE])
  await runtime.knex.raw(`DELETE FROM ledger.read_models WHERE schema_name = '${dead.schema}'`)
  t.is((await forget(ledger)).status, 200)
  t.deepEqual(await shownIn(runtime.knex, dead.schema), [FORGOTTEN, GRACE])
  t.notRegex(await everythingIn(runtime.knex), NAMES)
  t.is(await isEqual(dead), null, 'it is as far as it is, and says nothing wrong')
  await foldRegistry(dead)
  t.is(await isEqual(dead), null)
  t.is(await isEqual(runtime), null)
})

test('traps-running 18: a projector that has opened a name just before it was forgotten writes it no more', async (t) => {
  const ledger = await startWithAda(t)
  const { runtime } = ledger
  const other = await emptyBeside(runtime, 'ledger_v2_2')
  const { people, opened, go } = heldUp(runtime.people)
  const folding = foldRegistry(other, { people })
  await until(opened, 'a projector that has opened the name')
  t.is((await forget(ledger)).status, 200)
  go()
  await folding
  t.deepEqual(await shownIn(runtime.knex, other.schema), [FORGOTTEN, GRACE])
  t.notRegex(await everythingIn(runtime.knex), NAMES)
  t.is(await isEqual(other), null)
})

test('traps-running 18: forgetting waits for a projector that is writing the name, and then removes it', async (t) => {
  const ledger = await startWithAda(t)
  const { runtime } = ledger
  const { knex } = runtime
  const other = await emptyBeside(runtime, 'ledger_v2_2')
  const writing = await knex.transaction()
  await foldRegistry(other, { knex: writing })
  const forgetting = forget(ledger)
  await until(() => isWaiting(knex), 'a forgetting that waits')
  await writing.commit()
  t.is((await forgetting).status, 200)
  t.deepEqual(await shownIn(knex, other.schema), [FORGOTTEN, GRACE])
  t.notRegex(await everythingIn(knex), NAMES)
  t.is(await isEqual(other), null)
})

test('traps-running 18: forgetting waits for a projector that opens names once more, because another was forgotten meanwhile', async (t) => {
  const ledger = await startWithAda(t)
  const { runtime } = ledger
  const { knex } = runtime
  const other = await emptyBeside(runtime, 'ledger_v2_2')
  const forgetting: ReturnType<typeof forget>[] = []
  let opened = 0
  const open: People['open'] = async (users, reader) => {
    const found = await runtime.people.open(users, reader)
    opened += 1
    if (opened === 1) t.is((await forget(ledger, 'grace')).status, 200)
    if (opened === 2) {
      forgetting.push(forget(ledger))
      await until(() => isWaiting(knex), 'a forgetting that waits')
    }
    return found
  }
  await foldRegistry(other, { people: { ...runtime.people, open } })
  t.is(opened, 2)
  for (const answer of await Promise.all(forgetting)) t.is(answer.status, 200)
  t.deepEqual(await shownIn(knex, other.schema), [FORGOTTEN, { ...FORGOTTEN, sub: 'grace' }])
  t.notRegex(await everythingIn(knex), NAMES)
  t.is(await isEqual(other), null)
})

test('traps-running 18: who is forgotten while the name is opened ahead, and the records before are still written, is written nowhere', async (t) => {
  const ledger = await startWithAda(t)
  const { runtime } = ledger
  const { knex } = runtime
  const built = await emptyBeside(runtime, 'ledger_v2_2')
  const { people, opened, go } = heldUp(runtime.people)
  // Whoever writes this scope waits for this transaction.
  const blocking = await knex.transaction()
  await blocking.raw(
    `INSERT INTO ${built.schema}.scopes (name, revision, deleted, last_offset, at)
     SELECT name, 1, false, 0, now() FROM ${runtime.schema}.scopes LIMIT 1`,
  )
  const filling = fillReadModel({ ...built, people, log: inTwo(runtime.log) }, { lanes: 1 })
  await until(opened, 'a rebuild that opens the name while it writes what is before')
  const [checkpoint] = await loadCheckpoints(built, [built.topics.registry])
  t.is(checkpoint?.next, 0)
  t.is((await forget(ledger)).status, 200)
  go()
  await blocking.rollback()
  await filling
  t.deepEqual(await shownIn(knex, built.schema), [FORGOTTEN, GRACE])
  t.notRegex(await everythingIn(knex), NAMES)
  t.is(await isEqual(built), null)
})

test('traps-running 20: who is forgotten while a read model is filled stands in it nowhere, and after a switch nobody sees the name', async (t) => {
  const ledger = await startWithAda(t)
  const { runtime, send, root: token } = ledger
  const built = await emptyBeside(runtime, 'ledger_v2_2')
  const { people, opened, go } = heldUp(runtime.people)
  const filling = fillReadModel({ ...built, people }, { lanes: 1 })
  await until(opened, 'a rebuild that has opened the name')
  t.is((await forget(ledger)).status, 200)
  go()
  await filling
  t.notRegex(await everythingIn(runtime.knex), NAMES)
  t.is(await isEqual(built), null)
  await switchReadModel(runtime.knex, { wanted: built.schema, maxLagMs: 60_000, patienceMs: 30_000 })
  await until(() => ledger.lines.some(({ msg }) => msg === 'reading another read model'), 'a service that follows')
  t.is((await send('GET', `/admin/users/${SUB}`, { token })).status, 404)
  t.is((await putNew(ledger)).status, 409)
  t.like((await send('GET', '/admin/users/grace', { token })).body, { username: 'Grace' })
  t.notRegex(await everythingIn(runtime.knex), NAMES)
})
