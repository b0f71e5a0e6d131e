import type { Logger } from 'pino'
import type { Settings } from '../../../shared/config/settings.ts'
import { createHttpApp, type HttpApp } from '../../../shared/http/create-app.ts'
import { listen } from '../../../shared/http/listen.ts'
import { healthRoutes } from '../../../shared/process/health.ts'
import { knownError } from '../../../shared/process/known-errors.ts'
import { ledgerIdOf } from '../../../shared/process/ledger-id.ts'
import { createLifecycle, type Lifecycle } from '../../../shared/process/lifecycle.ts'
import type { Parts } from '../../../shared/process/open-parts.ts'
import { type Runtime, runtimeOf } from '../../../shared/process/runtime.ts'
import { requireSound, watchLog } from '../../../shared/process/soundness.ts'
import { VERSION } from '../../../shared/process/version.ts'
import { deriveKeys, type Keys } from '../../../shared/tokens/keys.ts'
import { type RunningProjector, runProjector } from '../../projector/main.ts'
import { handlesTokens, mount, type ServiceName } from './services.ts'

/** A process that serves: where it listens, when it ends by itself, and how to stop it. */
export type Serving = {
  publicUrl: string | null
  adminUrl: string | null
  runtime: Runtime
  lifecycle: Lifecycle
  /** Rejects when a part gave up for good: the process must end, so that another takes its place. */
  failed: Promise<never>
}

const DRAIN_MS = 500

const HARD_LIMIT_MS = 20_000

const CLOSE_MS = 6_000

/** Starts the services named, in one process, on these parts. Throws Unsound or NotMigrated before anything listens. */
export async function serve(
  names: readonly ServiceName[],
  parts: Parts,
  settings: Settings,
  logger: Logger,
): Promise<Serving> {
  const ledger_id = await ledgerIdOf(parts.knex)
  const keys = keysOf(settings, ledger_id)
  await requireSound(parts, settings, ledger_id, names.some(handlesTokens) ? keys : null)
  const runtime = runtimeOf(parts, settings, keys, logger)
  const lifecycle = createLifecycle({ logger, drainMs: settings.dev ? 0 : DRAIN_MS, hardLimitMs: HARD_LIMIT_MS })
  lifecycle.onStop('log and database', parts.close)
  const log = watchLog(parts)
  lifecycle.onStop('log watch', async () => log.stop())
  const projector = names.includes('projector') ? await project(runtime, lifecycle) : null
  const health = {
    knex: parts.knex,
    schema: runtime.schema,
    version: VERSION,
    stopping: lifecycle.stopping,
    logProblems: log.problems,
    // Checks go on where a refresh would be refused.
    maxLagMs: (names.every((name) => name === 'token-check') ? settings.CHECK_MAX_LAG : settings.MAX_LAG) * 1000,
  }
  const isPublic = (name: ServiceName) => name === 'token-endpoint' || name === 'token-check'
  const open = async (chosen: readonly ServiceName[], host: string, port: number) => {
    if (chosen.length === 0) return null
    const http = httpApp(settings, chosen.some(isPublic) || !LOOPBACK.test(host), logger)
    healthRoutes(http.router, health)
    for (const name of chosen) mount(name, runtime, http)
    const listener = await listen(http.app, { host, port })
    lifecycle.onStop(`port ${listener.port}`, () => listener.close(CLOSE_MS))
    return listener.url
  }
  const publicUrl = await open(names.filter(isPublic), settings.SERVE_PUBLIC_HOST, settings.SERVE_PUBLIC_PORT)
  const adminUrl = await open(
    names.filter((name) => !isPublic(name)),
    settings.SERVE_ADMIN_HOST,
    settings.SERVE_ADMIN_PORT,
  )
  const never = new Promise<never>(() => undefined)
  const failed = projector ? projector.ended.then(() => never) : never
  return { publicUrl, adminUrl, runtime, lifecycle, failed }
}

const LOOPBACK = /^(127\.\d+\.\d+\.\d+|::1|localhost)$/

// An admin port on loopback is for the command line of this machine: nobody can listen in on the way.
function httpApp({ REQUIRE_HTTPS, TRUSTED_PROXIES }: Settings, exposed: boolean, logger: Logger): HttpApp {
  return createHttpApp({
    for: 'machines',
    known: knownError,
    logger,
    requireHttps: REQUIRE_HTTPS && exposed,
    trustedProxies: TRUSTED_PROXIES,
  })
}

function keysOf({ SECRETS_SYSTEM, SECRETS_CHECK }: Settings, ledger_id: string): Keys | null {
  if (SECRETS_SYSTEM) return deriveKeys(SECRETS_SYSTEM, ledger_id)
  return SECRETS_CHECK ?? null
}

async function project(runtime: Runtime, lifecycle: Lifecycle): Promise<RunningProjector> {
  const projector = await runProjector(runtime)
  lifecycle.onStop('projector', projector.stop)
  return projector
}
