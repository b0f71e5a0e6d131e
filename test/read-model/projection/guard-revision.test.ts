import test from 'ava'
import { replay } from '../../../services/audit/replay/replay.ts'
import { verify } from '../../../services/audit/verify/verify.ts'
import type { RegistryFact } from '../../../shared/ledger/events.ts'
import { issued, user } from '../../ledger/given.ts'
import {
  closeEmbedded,
  embeddedLedger,
  grantId,
  rebuiltBeside,
  seed,
  type WrittenLedger,
} from '../../support/written-ledger.ts'

test.after.always(closeEmbedded)

const put = (revision: number, guard_revision: number | undefined, groups: string[]): RegistryFact => {
  const data = { revision, user: user({ groups }) }
  return { type: 'UserPut', data: guard_revision === undefined ? data : { ...data, guard_revision } }
}

/** The counter of each partition that has one, and what the user's row says. */
async function shown({ knex, schema }: WrittenLedger) {
  const { rows: counters } = await knex.raw<{ rows: { guard_revision: number }[] }>(
    `SELECT guard_revision FROM ${schema}.checkpoints WHERE guard_revision <> 0`,
  )
  const { rows: users } = await knex.raw<{ rows: { groups: string[]; revision: number }[] }>(
    `SELECT groups, revision FROM ${schema}.users`,
  )
  return { counters: counters.map(({ guard_revision }) => guard_revision), users }
}

for (const together of [false, true])
  test(`the read model keeps the guard's counter, ${together ? 'folded at once' : 'folded one by one'}`, async (t) => {
    const ledger = await embeddedLedger()
    await seed(ledger)
    const events = [
      put(2, 0, ['a']),
      put(3, 0, ['void']),
      put(3, 1, ['b']),
      put(4, undefined, ['c']),
      put(5, 1, ['void']),
    ]
    for (const event of events) {
      await ledger.append(event)
      // Partitions of grants move too, and have no counter.
      await ledger.append(issued({ grant_id: grantId(Math.ceil(Math.random() * 1e9)) }))
      if (!together) await ledger.project()
    }
    await ledger.project()
    const expected = { counters: [2], users: [{ groups: ['c'], revision: 4 }] }
    t.deepEqual(await shown(ledger), expected)
    t.is((await verify(ledger)).difference, null)
    const rebuilt = await rebuiltBeside(ledger)
    t.deepEqual(await shown(rebuilt), expected)
    t.is((await verify(rebuilt)).difference, null)
    const reasons: (string | null)[] = []
    for await (const { type, reason } of replay(ledger, {})) if (type === 'UserPut') reasons.push(reason)
    t.deepEqual(reasons, [null, null, 'guard_moved', null, null, 'guard_moved'])
  })
