import type { Logger } from 'pino'
import type { Settings } from '../../../shared/config/settings.ts'
import { watchAppends } from '../../../shared/process/soundness/append-watch.ts'
import { introduceKeys } from '../../../shared/process/soundness/introduce-key.ts'
import { heldKeys } from '../../../shared/process/soundness/key-soundness.ts'
import { ledgerIdOf } from '../../../shared/process/ledger-id.ts'
import { createLifecycle, type Lifecycle } from '../../../shared/process/lifecycle.ts'
import type { Parts } from '../../../shared/process/open-parts.ts'
import { type Runtime, runtimeOf } from '../../../shared/process/runtime.ts'
import {
  requireSound,
  requireSoundDatabase,
  warnOfShortGraces,
  watchParts,
} from '../../../shared/process/soundness/soundness.ts'
import { watchClocks } from '../../../shared/process/soundness/watch-clocks.ts'
import { VERSION } from '../../../shared/process/version.ts'
import { runProjector } from '../../projector/main.ts'
import { openPort } from './open-port.ts'
import type { ServiceName } from './service-names.ts'
import { logUseOf, secretsFor } from './services.ts'

/** A process that serves: where it listens, when it ends by itself, and how to stop it. */
export type Serving = {
  publicUrl: string | null
  adminUrl: string | null
  runtime: Runtime
  lifecycle: Lifecycle
  /** Dev mode only: the demo is there, so the process may be called ready. */
  prepared: () => void
  /** Rejects when a part gave up for good: the process must end, so that another takes its place. */
  failed: Promise<never>
}

const DRAIN_MS = 500

const HARD_LIMIT_MS = 20_000

/**
 * Starts the services named, in one process, on these parts. Throws an OperatorError before anything listens when the
 * database holds no ledger, or when it is not sound to serve.
 */
export async function serve(
  names: readonly ServiceName[],
  parts: Parts,
  settings: Settings,
  logger: Logger,
): Promise<Serving> {
  await requireSoundDatabase(parts.knex, settings)
  const ledger_id = await ledgerIdOf(parts.knex)
  const held = heldKeys(settings, ledger_id, secretsFor(names) !== 'none')
  const usesLog = logUseOf(names) !== 'none'
  await requireSound({ parts, settings, ledger_id, held, usesLog })
  await warnOfShortGraces(parts, settings, logger)
  if (held && usesLog) await introduceKeys(parts, settings, held)
  const runtime = runtimeOf(parts, settings, held, logger)
  const lifecycle = createLifecycle({ logger, drainMs: settings.dev ? 0 : DRAIN_MS, hardLimitMs: HARD_LIMIT_MS })
  lifecycle.onStop('log and database', parts.close)
  const demo = { missing: settings.dev }
  const preparing = () => (demo.missing ? 'the demo is not seeded yet' : null)
  const health = { ...(await watchHealth(names, parts, runtime, lifecycle)), held, preparing }
  const { failed } = await project(names, parts, runtime, lifecycle)
  // Whoever started us listens as soon as we serve.
  failed.catch(() => undefined)
  const opening = { names, runtime, lifecycle, health }
  try {
    const publicUrl = await openPort('public', opening)
    const adminUrl = await openPort('admin', opening)
    return { publicUrl, adminUrl, runtime, lifecycle, prepared: () => (demo.missing = false), failed }
  } catch (error) {
    await lifecycle.stop()
    throw error
  }
}

async function watchHealth(names: readonly ServiceName[], parts: Parts, runtime: Runtime, lifecycle: Lifecycle) {
  lifecycle.onStop('watch over the clocks', watchClocks(runtime).stop)
  const { knex, schema, topics, stamps, clocks, settings } = runtime
  const usualLagMs = settings.MAX_LAG * 1000
  return {
    ...{ knex, schema, topics, stamps, clocks },
    version: VERSION,
    stopping: lifecycle.stopping,
    partProblems: await watchedParts(names, parts, runtime, lifecycle),
    // Checks go on where a refresh would be refused.
    maxLagMs: names.every((name) => name === 'token-check') ? settings.CHECK_MAX_LAG * 1000 : usualLagMs,
    usualLagMs,
  }
}

/** What is wrong with the parts, as far as these services use them. */
async function watchedParts(
  names: readonly ServiceName[],
  parts: Parts,
  { settings, logger }: Runtime,
  lifecycle: Lifecycle,
): Promise<() => string[]> {
  const use = logUseOf(names)
  const watched = watchParts(parts, settings, use !== 'none')
  lifecycle.onStop('watch over the parts', async () => watched.stop())
  if (use !== 'appends') return watched.problems
  const appends = await watchAppends(parts, logger)
  lifecycle.onStop('watch over appends', appends.stop)
  return () => [...watched.problems(), ...appends.problems()]
}

/** Runs the projector if it is among the services. `failed` rejects when it ends for good, or the parts are `lost`. */
async function project(
  names: readonly ServiceName[],
  { lost }: Parts,
  runtime: Runtime,
  lifecycle: Lifecycle,
): Promise<Pick<Serving, 'failed'>> {
  if (!names.includes('projector')) return { failed: lost }
  const projector = await runProjector(runtime)
  lifecycle.onStop('projector', projector.stop)
  return { failed: Promise.race([lost, projector.ended.then(() => lost)]) }
}
