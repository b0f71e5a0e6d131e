import test from 'ava'
import fc from 'fast-check'
import { merge } from '../../../services/audit/replay/merge.ts'
import { replay, type ReplayFilter } from '../../../services/audit/replay/replay.ts'
import type { ReplayEntry } from '../../../services/audit/replay/replay-entry.ts'
import { client, issued, refreshed, reuse, revoked, user } from '../../ledger/given.ts'
import {
  appendUnreadable,
  closeEmbedded,
  embeddedLedger,
  grantId,
  seed,
  type WrittenLedger,
} from '../../support/written-ledger.ts'

test.after.always(closeEmbedded)

async function all(ledger: WrittenLedger, filter: ReplayFilter = {}): Promise<ReplayEntry[]> {
  const entries: ReplayEntry[] = []
  for await (const entry of replay(ledger, filter)) entries.push(entry)
  return entries
}

const told = (entries: ReplayEntry[]) =>
  entries.map(({ type, verdict, reason }) => `${type} ${verdict} ${reason ?? '-'}`)

test('a replay shows every event of the log, the void ones with their reason', async (t) => {
  const ledger = await embeddedLedger()
  const grant_id = grantId(1)
  await seed(ledger)
  await ledger.append(refreshed(2, { grant_id }))
  await ledger.append(refreshed(2, { grant_id }))
  await ledger.append(reuse(1, { grant_id, refresh_grace_seconds: 300 }))
  await ledger.append(revoked({ grant_id }), { actor: 'user/ada' })
  await ledger.append(revoked({ grant_id }))
  t.deepEqual(told(await all(ledger)), [
    'LedgerCreated valid -',
    'ClientRegistered valid -',
    'UserPut valid -',
    'TokenIssued valid -',
    'TokenRefreshed valid -',
    'TokenRefreshed void generation_taken',
    'TokenReuseDetected void within_grace',
    'TokenRevoked valid logged_out',
    'TokenRevoked void grant_revoked',
  ])
})

test('an entry names the position, whom and what it is about, who acted, from where and through which request', async (t) => {
  const ledger = await embeddedLedger()
  await seed(ledger)
  await ledger.append(refreshed(2, { grant_id: grantId(1) }), { actor: 'client/shop' })
  const entry = (await all(ledger)).at(-1)
  t.deepEqual(entry?.position, { topic: ledger.topics.grants, partition: 1, offset: 1 })
  t.is(entry?.grant_id, grantId(1))
  t.is(entry?.client_id, 'shop')
  // A refresh does not say whom it is for: that is known from the grant.
  t.deepEqual(entry?.principal, { type: 'user', id: 'ada' })
  t.is(entry?.actor, 'client/shop')
  t.is(entry?.requestid, 'request-1')
  t.is(entry?.clientaddress, '192.0.2.1')
  t.deepEqual(entry?.event?.data, refreshed(2, { grant_id: grantId(1) }).data)
  t.is(entry?.time, new Date(entry?.time ?? '').toISOString())
})

test('a replay by grant, client, user or type shows what concerns it and nothing else', async (t) => {
  const ledger = await embeddedLedger()
  await seed(ledger)
  const other = { grant_id: grantId(2), client_id: 'till', principal: { type: 'client' as const, id: 'ada' } }
  await ledger.append(issued(other))
  await ledger.append(issued({ grant_id: grantId(13), principal: { type: 'user', id: 'bob' } }))
  await ledger.append({ type: 'ClientChanged', data: { revision: 1, client: client({ client_id: 'till' }) } })
  await ledger.append({
    type: 'UserPut',
    data: { revision: 1, user: user({ sub: 'bob', personal: { username: 'bob', name: null, email: null } }) },
  })
  // Another client tries to end a grant that is not its own.
  await ledger.append(revoked({ grant_id: grantId(1), client_id: 'till' }))
  const subjects = async (filter: ReplayFilter) =>
    (await all(ledger, filter)).map(({ type, subject }) => `${type} ${subject}`)
  t.deepEqual(await subjects({ grant_id: grantId(13) }), [`TokenIssued ${grantId(13)}`])
  t.deepEqual(await subjects({ sub: 'ada' }), [
    `UserPut user/ada`,
    `TokenIssued ${grantId(1)}`,
    `TokenRevoked ${grantId(1)}`,
  ])
  t.deepEqual(await subjects({ client_id: 'till' }), [
    `TokenIssued ${grantId(2)}`,
    'ClientChanged client/till',
    `TokenRevoked ${grantId(1)}`,
  ])
  t.deepEqual(await subjects({ types: ['UserPut', 'TokenRevoked'] }), [
    'UserPut user/ada',
    'UserPut user/bob',
    `TokenRevoked ${grantId(1)}`,
  ])
  t.deepEqual(await subjects({ types: ['LedgerCreated'], client_id: 'shop' }), [])
  t.deepEqual((await all(ledger, { client_id: 'till', types: ['TokenRevoked'] }))[0]?.reason, 'client_mismatch')
})

test('a record that cannot be read is shown, and nothing after it in its partition has a verdict', async (t) => {
  const ledger = await embeddedLedger()
  await seed(ledger)
  await appendUnreadable(ledger, grantId(1))
  await ledger.append(refreshed(2, { grant_id: grantId(1) }))
  await ledger.append(issued({ grant_id: grantId(2) }))
  const entries = await all(ledger, { types: ['TokenIssued', 'TokenRefreshed'] })
  t.deepEqual(
    entries.map(({ type, verdict }) => `${type} ${verdict}`),
    ['TokenIssued valid', 'unreadable unreadable', 'TokenIssued valid'],
  )
  t.true(entries[1]?.reason?.includes('type'))
})

test('progress counts up to the whole log', async (t) => {
  const ledger = await embeddedLedger()
  await seed(ledger)
  const seen: string[] = []
  for await (const _ of replay(ledger, {}, (done, total) => seen.push(`${done}/${total}`))) void _
  t.is(seen.at(-1), '4/4')
})

test('merging gives what sorting gives, whatever the batches are and how much of them is shown', async (t) => {
  const source = async function* (batches: number[][], shows: (n: number) => boolean) {
    for (const batch of batches) yield { items: batch.filter(shows), upTo: batch.at(-1) ?? null }
  }
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(fc.array(fc.nat(50), { maxLength: 4 }), { maxLength: 5 }), { maxLength: 5 }),
      fc.integer({ min: 1, max: 4 }),
      async (raw, n) => {
        const shows = (item: number) => item % n === 0
        const sources = raw.map((batches) => {
          const sorted = batches.flat().sort((a, b) => a - b)
          return batches.map(({ length }) => sorted.splice(0, length))
        })
        const merged: number[] = []
        const streams = sources.map((batches) => source(batches, shows))
        for await (const item of merge<number, number>(streams, (a, b) => a < b)) merged.push(item)
        const all = raw.flat(2).filter(shows)
        t.deepEqual(
          merged,
          all.sort((a, b) => a - b),
        )
      },
    ),
  )
})

test('an item is told as soon as no source can have an earlier one, however much lies behind it', async (t) => {
  let read = 0
  const source = async function* (shown: number[]) {
    for (let n = 0; n < 1_000; n++, read++) yield { items: shown.includes(n) ? [n] : [], upTo: n }
  }
  const merged = merge<number, number>([source([3]), source([]), source([4, 999])], (a, b) => a < b)
  t.is((await merged.next()).value, 3)
  t.true(read < 20, `${read} batches`)
  await merged.return(undefined)
})

test('leaving a merge ends every source', async (t) => {
  const ended: string[] = []
  const source = async function* (name: string) {
    try {
      for (;;) yield { items: [1], upTo: 1 }
    } finally {
      ended.push(name)
    }
  }
  for await (const _ of merge<number, number>([source('a'), source('b')], () => false)) if (_ === 1) break
  t.deepEqual(ended.sort(), ['a', 'b'])
})
