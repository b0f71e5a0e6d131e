import type { Logger } from 'pino'
import { EXIT, OperatorError } from '../../../shared/config/operator-error.ts'
import type { Settings } from '../../../shared/config/settings.ts'
import { openParts } from '../../../shared/process/open-parts.ts'
import { readPartitionHealth } from '../../../shared/read-model/partition-health.ts'
import { migrate } from '../compose/migrate.ts'
import { serve, type Serving } from '../compose/serve.ts'
import { type ServiceName, SERVICES } from '../compose/service-names.ts'
import { issueDemoGrants, seedDemo } from './demo.ts'
import { serveDemoApplication } from './demo-application.ts'
import { seedPassword } from './demo-login.ts'
import { devSecrets, writeCliAccess } from './dev-secrets.ts'
import { renderTour, tourOf } from './tour.ts'

/**
 * Dev mode: everything in one process on the embedded database, on loopback only, with a demo seeded and the
 * lines of a tour printed. State survives a restart and a kill -9 (a power loss may cost the latest writes: the
 * embedded database does not sync).
 */
export async function startDev(names: readonly ServiceName[], given: Settings, logger: Logger): Promise<Serving> {
  if (names.length < SERVICES.length)
    throw new OperatorError('dev mode runs all services in one process: use "serve all", or set LEDGER_DATABASE_URL', {
      exitCode: EXIT.usage,
    })
  process.stdout.write(`token ledger, dev mode: embedded database in ${given.DATA_DIR}\n`)
  const parts = await openParts(given, logger)
  const secrets = await devSecrets(given.DATA_DIR)
  const settings = { ...given, SECRETS_SYSTEM: given.SECRETS_SYSTEM ?? secrets.system }
  await migrate(parts, settings, logger, tellReadModel)
  const serving = await serve(names, parts, settings, logger)
  const { publicUrl: url, adminUrl: admin_url, runtime } = serving
  if (!url || !admin_url) throw new Error('dev mode listens on both ports')
  await seedDemo(runtime, secrets.clients)
  await waitUntilFresh(runtime)
  if (secrets.password !== undefined) await seedPassword(runtime, secrets.password)
  const demo_url = await serveDemoApplication(serving, secrets.clients, secrets.password)
  await writeCliAccess(settings.DATA_DIR, {
    url,
    admin_url,
    demo_url,
    client_id: 'demo-admin',
    client_secret: secrets.clients['demo-admin'],
  })
  const place = { url, admin_url, demo_url, folder: settings.DATA_DIR, password: secrets.password }
  const tour = tourOf({ ...place, secrets: secrets.clients, grants: await issueDemoGrants(runtime) })
  process.stdout.write(renderTour(place, tour))
  serving.prepared()
  return serving
}

/** That takes a while where there is a long log already. */
function tellReadModel(step: string): void {
  if (step.startsWith('read model')) process.stdout.write(`${step}\n`)
}

/** Until then a refresh would be refused: nobody knows yet that the read model is complete. */
async function waitUntilFresh(runtime: Serving['runtime']): Promise<void> {
  const { waiter, settings } = runtime
  const places = await readPartitionHealth(runtime)
  await Promise.all(places.map((place) => waiter.freshAsOf(place, 1, settings.APPEND_TIMEOUT * 1000)))
}
