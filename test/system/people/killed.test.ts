import { ADA, forget, putNew, seedNames } from '../../admin/people/person.ts'
import { PRODUCE, startKafkaProxy } from '../../support/kafka-proxy.ts'
import type { LedgerProcess } from '../../support/ledger-process.ts'
import { kafkaBrokers, realTest } from '../../support/real-parts.ts'
import { until } from '../../support/waiting.ts'
import { onceForFile } from '../once-for-file.ts'
import { migratedLedger } from './people.ts'

const test = realTest('kafka', 'postgres')

const GRACE = { username: 'Grace', name: 'Rear Admiral Hopper', email: null }

/** Two admin processes, the first of which has a way of its own to Kafka, and a projector. */
const people = onceForFile(async (t) => {
  seedNames()
  const ledger = await migratedLedger(t, kafkaBrokers())
  const proxy = await startKafkaProxy(t, kafkaBrokers())
  const [one, two, projector] = await Promise.all([ledger.admin(proxy.brokers), ledger.admin(), ledger.projector()])
  await ledger.logIn(two)
  await ledger.logIn(one)
  return { ...ledger, proxy, one, two, running: { projector } }
})

type People = Awaited<ReturnType<typeof people>>

/** Kills what folds, does this, and has another process fold it. */
async function unfolded<T>({ running, projector }: People, work: () => Promise<T>): Promise<T> {
  await running.projector.kill()
  try {
    return await work()
  } finally {
    running.projector = await projector()
  }
}

const named = async ({ shown }: People, process: LedgerProcess, sub: string) => (await shown(process, sub)).body

test.serial(
  'traps-running 18: an event that was not folded when both of its processes were killed names whom it should, once it is',
  async (t) => {
    const ledger = await people()
    const { on, two, keyOf, shown } = ledger
    const three = await ledger.admin()
    const answers = await unfolded(ledger, async () => {
      const answers = await Promise.all([putNew(on(three), ADA, 'b-ada'), putNew(on(two), GRACE, 'b-grace')])
      await three.kill()
      t.is((await shown(two, 'b-ada')).status, 404)
      return answers
    })
    t.deepEqual(
      answers.map(({ status }) => status),
      [503, 503],
    )
    await until(async () => (await shown(two, 'b-grace')).status === 200, 'a user that nobody was told of')
    t.like(await named(ledger, two, 'b-ada'), ADA)
    t.like(await named(ledger, two, 'b-grace'), GRACE)
    t.is((await putNew(on(two), GRACE, 'b-other')).status, 409, 'a name that is taken')
    t.is((await putNew(on(two), ADA, 'b-ada')).status, 412, 'repeated')
    t.is(await keyOf('b-ada'), 'there')
    await ledger.assertSound(t)
  },
)

test.serial(
  'traps-running 18: a person is forgotten to the end whom nobody has folded when the processes are killed',
  async (t) => {
    const ledger = await people()
    const { on, two, keyOf, shown } = ledger
    const three = await ledger.admin()
    t.is((await putNew(on(two), { username: 'Byron' }, 'c-byron')).status, 201)
    const { status } = await unfolded(ledger, async () => {
      const answer = await forget(on(three), 'c-byron')
      await three.kill()
      t.is(await keyOf('c-byron'), 'there', 'nobody was told that it is gone')
      t.like(await named(ledger, two, 'c-byron'), { username: 'Byron' })
      return answer
    })
    t.is(status, 503)
    await until(async () => (await keyOf('c-byron')) === 'gone', 'a key that is gone')
    t.is((await shown(two, 'c-byron')).status, 404)
    t.is((await forget(on(two), 'c-byron')).status, 200, 'repeated')
    t.is((await putNew(on(two), { username: 'Byron' }, 'c-byron')).status, 409)
    t.is((await putNew(on(two), { username: 'Byron' }, 'c-other')).status, 201, 'the name is free')
    await ledger.assertSound(t)
  },
)

// The last: the first process does not come back.
test.serial(
  'traps-running 18: a process that is killed between key and append leaves one person, and its event that comes late changes nobody',
  async (t) => {
    const ledger = await people()
    const { on, one, two, proxy, keyOf, length } = ledger
    t.is((await putNew(on(one), { username: 'Somerville' }, 'a-first')).status, 201, 'it has a way to the log')
    const [before, asked] = [await length(), proxy.asked(PRODUCE)]
    proxy.hold()
    const cut = putNew(on(one), { username: 'Babbage' }, 'a-person').catch(() => null)
    await until(async () => (await keyOf('a-person')) === 'there', 'a key')
    await until(() => proxy.asked(PRODUCE) > asked, 'an event on its way')
    t.is(await length(), before)
    await one.kill()
    t.is(await cut, null)
    t.is((await putNew(on(two), { username: 'Menabrea' }, 'a-person')).status, 201, 'under the same key')
    t.is(await length(), before + 1)
    proxy.pass()
    await until(async () => (await length()) === before + 2, 'the event of the process that is gone')
    t.is((await putNew(on(two), { username: 'Babbage' }, 'a-other')).status, 201, 'the name that came too late is free')
    t.like(await named(ledger, two, 'a-person'), { username: 'Menabrea' })
    await ledger.assertSound(t)
  },
)
