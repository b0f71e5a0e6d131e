import test from 'ava'
import { verify } from '../../../services/audit/verify/verify.ts'
import type { GrantFact } from '../../../shared/ledger/events.ts'
import { issued, refreshed, reuse, revoked } from '../../ledger/given.ts'
import { closeEmbedded, embeddedLedger, grantId, type WrittenLedger } from '../../support/written-ledger.ts'

test.after.always(closeEmbedded)

const grant_id = grantId(1)
const STRANGER = { grant_id, client_id: 'till' }

/** What the read model shows of the grant, in columns that are written down here by hand. */
async function shownOf({ knex, schema }: WrittenLedger) {
  const { rows: grants } = await knex.raw<{ rows: object[] }>(
    `SELECT status, access_generation, refresh_generation, client_id, reason, last_offset::int FROM ${schema}.grants`,
  )
  const { rows: tokens } = await knex.raw<{ rows: { generation: number; scope: string }[] }>(
    `SELECT generation, scope FROM ${schema}.bearer_tokens ORDER BY generation`,
  )
  const { rows: checkpoints } = await knex.raw<{ rows: { voids: number }[] }>(
    `SELECT void_count::int AS voids FROM ${schema}.checkpoints WHERE topic LIKE '%.grants' AND partition = 1`,
  )
  return {
    grants,
    tokens: tokens.map(({ generation, scope }) => `${generation} ${scope}`),
    voids: checkpoints[0]?.voids,
  }
}

const live = (access_generation: number, last_offset: number) => ({
  ...{ status: 'live', access_generation, refresh_generation: access_generation },
  ...{ client_id: 'shop', reason: null, last_offset },
})
const dead = { ...live(2, 9), status: 'revoked', reason: 'logged_out' }

// Verdicts and rows stand here as the rules say them, not as the fold does, which the audit and the projection share.
const STORY: { title: string; facts: GrantFact[]; grants: object[]; tokens: string[]; voids: number }[] = [
  {
    title: 'nothing is known yet',
    facts: [refreshed(2, { grant_id }), revoked({ grant_id })],
    grants: [],
    tokens: [],
    voids: 2,
  },
  {
    title: 'the first tokens',
    facts: [issued({ grant_id })],
    grants: [live(1, 2)],
    tokens: ['1 read write'],
    voids: 2,
  },
  {
    title: 'issued again, a generation too far, and what strangers ask for',
    facts: [issued({ grant_id, scope: 'read' }), refreshed(3, { grant_id }), refreshed(2, STRANGER), revoked(STRANGER)],
    grants: [live(1, 2)],
    tokens: ['1 read write'],
    voids: 6,
  },
  {
    title: 'a refresh, and another one of the same token',
    facts: [refreshed(2, { grant_id, scope: 'read' }), refreshed(2, { grant_id, scope: 'write' })],
    grants: [live(2, 7)],
    tokens: ['1 read write', '2 read'],
    voids: 7,
  },
  { title: 'the end', facts: [revoked({ grant_id })], grants: [dead], tokens: ['1 read write', '2 read'], voids: 7 },
  {
    title: 'whatever comes after the end',
    facts: [refreshed(3, { grant_id }), reuse(1, { grant_id }), revoked({ grant_id, reason: 'again' })],
    grants: [dead],
    tokens: ['1 read write', '2 read'],
    voids: 10,
  },
]

for (const together of [false, true])
  test(`a void event changes no row, ${together ? 'folded with those before it' : 'folded alone'}`, async (t) => {
    const ledger = await embeddedLedger()
    for (const { title, facts, ...expected } of STORY) {
      for (const fact of facts) {
        await ledger.append(fact)
        if (!together) await ledger.project()
      }
      if (together) await ledger.project()
      t.deepEqual(await shownOf(ledger), expected, title)
    }
    t.is((await verify(ledger)).difference, null)
  })
