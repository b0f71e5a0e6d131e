import { startProjector } from '../../services/projector/projector.ts'
import { envelop, outgoing } from '../../shared/event-log/event-codec.ts'
import { until } from '../support/waiting.ts'
import { databaseUrl, kafkaBrokers, realTest } from '../support/real-parts.ts'
import { differenceOf } from './aftermath.ts'
import type { Load } from './load.ts'
import { onceForFile } from './once-for-file.ts'
import { assertSurvives } from './outage.ts'
import { startSystem, type System } from './system.ts'

const real = realTest('kafka', 'postgres')
const system = onceForFile(async (t) =>
  startSystem(t, { databaseUrl: await databaseUrl(t), brokers: kafkaBrokers(), settings: { LEDGER_MAX_LAG: '2' } }),
)

real.serial('the projector frozen for longer than the grace: 503, and nobody is logged out', async (t) => {
  const ledger = await system()
  await assertSurvives(t, ledger, {
    begin: () => ledger.projectors[0]?.signal('SIGSTOP'),
    end: () => ledger.projectors[0]?.signal('SIGCONT'),
  })
})

real.serial('the projector killed under load: another one goes on where it stood', async (t) => {
  const ledger = await system()
  const [projector] = ledger.projectors
  if (!projector) return t.fail()
  await assertSurvives(t, ledger, {
    begin: () => projector.kill(),
    end: () => ledger.replace(ledger.projectors, projector),
  })
})

real.serial('an endpoint killed under load: its clients repeat what they asked elsewhere', async (t) => {
  const ledger = await system()
  const [endpoint] = ledger.endpoints
  if (!endpoint) return t.fail()
  await assertSurvives(t, ledger, {
    begin: () => endpoint.kill(),
    end: () => ledger.replace(ledger.endpoints, endpoint),
    lostConnections: true,
    bridged: true,
  })
})

real.serial('two projectors at once, one of them frozen until it lost its partitions, then both', async (t) => {
  const ledger = await system()
  const [first] = ledger.projectors
  if (!first) return t.fail()
  await assertSurvives(t, ledger, {
    begin: async (load) => {
      const second = await ledger.start('projector')
      ledger.projectors.push(second)
      t.is(await differenceOf(ledger), null)
      first.signal('SIGSTOP')
      const frozen = performance.now()
      // The group gives its partitions away after 6 s.
      await until(() => load.clients.every(({ seen }) => seen.some(isAnswered(frozen + 6_000))), 'a takeover')
      first.signal('SIGCONT')
      const woken = performance.now()
      await until(() => load.clients.every(({ seen }) => seen.some(isAnswered(woken + 1_000))), 'more refreshes')
      await second.kill()
      ledger.projectors.pop()
    },
  })
})

real.serial('two projectors that both hold every partition: each record is folded once', async (t) => {
  const ledger = await system()
  const { runtime } = ledger
  await assertSurvives(t, ledger, {
    begin: async (load) => {
      const rival = await startProjector({ ...runtime, group: `${runtime.topics.grants}.rival` })
      const copies = repeatOldEvents(ledger, load)
      const begun = performance.now()
      try {
        await until(() => load.clients.every(({ seen }) => seen.filter(isAnswered(begun)).length > 20), 'refreshes')
        t.is(await differenceOf(ledger), null)
      } finally {
        t.true((await copies.stop()) > 20)
        await rival.stop()
      }
    },
  })
})

/** Copies of what a producer sent before: void, hence counted, so that folding one twice shows. */
function repeatOldEvents({ runtime, env }: System, { clients }: Load) {
  let stopped = false
  let count = 0
  const running = (async () => {
    for (; !stopped; count++) {
      const { grant_id } = clients[count % clients.length] ?? { grant_id: '' }
      const data = { ...OLD, grant_id, client_id: await clientOf(runtime, grant_id) }
      const event = envelop(
        { type: 'TokenRefreshed', data },
        env['LEDGER_ISSUER'] ?? '',
        { actor: 'system/test' },
        Date.now(),
      )
      await runtime.log.append(outgoing(event, runtime.topics))
    }
  })()
  return {
    stop: async () => {
      stopped = true
      await running
      return count
    },
  }
}

const OLD = {
  access_generation: 2,
  refresh_generation: 2,
  kid: 1,
  scope: 'read',
  access_token_lifetime: 3600,
  refresh_grace_seconds: 2,
}

async function clientOf({ knex, schema }: System['runtime'], grant_id: string): Promise<string> {
  const row = await knex.withSchema(schema).from('grants').where({ grant_id }).first<{ client_id: string }>('client_id')
  return row.client_id
}

function isAnswered(after: number) {
  return ({ status, at }: { status: number; at: number }) => status === 200 && at > after
}
