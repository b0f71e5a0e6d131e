import type { ExecutionContext } from 'ava'
import knexFactory, { type Knex } from 'knex'
import { createPostgresLog } from '../../../shared/event-log/postgres/postgres-log.ts'
import type { Subject } from '../contract.ts'

/** The Postgres adapter as subject of the contract, on the database that `connect` answers for a test. */
export function createPostgresSubject(connect: (t: ExecutionContext) => Promise<Knex>): Subject {
  return {
    open: async (t) => {
      const log = createPostgresLog({ knex: await connect(t), appendTimeoutMs: 5_000 })
      t.teardown(() => log.close())
      return log
    },
    unreachable: async (t) => {
      const knex = knexFactory({
        client: 'pg',
        connection: 'postgres://nobody@127.0.0.1:1/none',
        log: { error: () => undefined },
      })
      t.teardown(() => knex.destroy())
      return createPostgresLog({ knex, appendTimeoutMs: 1_000 })
    },
    forgetful: async (t) => {
      let losing = false
      const beforeAnswer = async () => {
        if (losing) throw new Error('Connection terminated unexpectedly')
      }
      const log = createPostgresLog({ knex: await connect(t), appendTimeoutMs: 1_000, faults: { beforeAnswer } })
      t.teardown(() => log.close())
      return { log, lose: (on) => (losing = on) }
    },
    cut: async (t, topic, before) => {
      const knex = await connect(t)
      await knex.transaction(async (trx) => {
        await trx.raw('ALTER TABLE ledger.log_records DISABLE TRIGGER append_only')
        await trx.raw('DELETE FROM ledger.log_records WHERE topic = ? AND partition = 0 AND "offset" < ?', [
          topic,
          before,
        ])
        await trx.raw('ALTER TABLE ledger.log_records ENABLE TRIGGER append_only')
      })
    },
  }
}
