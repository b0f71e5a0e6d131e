import type { Logger } from 'pino'
import type { Settings } from '../../../shared/config/settings.ts'
import { watchAppends } from '../../../shared/process/soundness/append-watch.ts'
import { introduceKeys } from '../../../shared/process/soundness/introduce-key.ts'
import { peopleOf } from '../../../shared/process/soundness/held-people.ts'
import { heldKeys } from '../../../shared/process/soundness/key-soundness.ts'
import { ledgerIdOf } from '../../../shared/process/ledger-id.ts'
import { announce, type Announced, ownFacts } from '../../../shared/process/announce.ts'
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
import type { Health } from '../../../shared/process/soundness/health.ts'
import { readModelInUse } from '../../../shared/read-model/versions/read-models.ts'
import { type Following, followSwitch } from './follow-switch.ts'
import { tellOfOtherTimes } from '../../audit/status/mending.ts'
import { holdForgetting } from '../../../shared/process/soundness/hold-forgetting.ts'
import { createPorts, facesOf } from './open-port.ts'
import { type Projecting, runProjections } from './projections.ts'
import type { ServiceName } from './service-names.ts'
import { logUseOf, secretsFor } from './services.ts'

/** A process that serves: where it listens, when it ends by itself, and how to stop it. */
export type Serving = {
  publicUrl: string | null
  adminUrl: string | null
  /** On the read model that was in use at the start. */
  runtime: Runtime
  lifecycle: Lifecycle
  /** Dev mode only: the demo is there, so the process may be called ready. */
  prepared: () => void
  /** Reads the files of the certificate again; `null` = nothing speaks TLS. */
  renewCertificate: (() => void) | null
  /** Rejects when a part gave up for good: the process must end, so that another takes its place. */
  failed: Promise<never>
}

const DRAIN_MS = 500

const HARD_LIMIT_MS = 20_000

/**
 * Starts the services named, in one process, on these parts. Throws an OperatorError before anything listens when the
 * database holds no ledger, or no read model of this release, or when it is not sound to serve.
 */
export async function serve(
  names: readonly ServiceName[],
  parts: Parts,
  settings: Settings,
  logger: Logger,
): Promise<Serving> {
  const { schema, held } = await requireServable(names, parts, settings, logger)
  const runtimeOn = (name: string) => runtimeOf({ ...parts, schema: name }, settings, held, logger)
  const runtime = runtimeOn(schema)
  const lifecycle = createLifecycle({ logger, drainMs: settings.dev ? 0 : DRAIN_MS, hardLimitMs: HARD_LIMIT_MS })
  lifecycle.onStop('log and database', parts.close)
  const pinned = settings.READ_MODEL !== undefined
  const announced = await announce(parts.knex, ownFacts(names, { reads: schema, pinned }))
  lifecycle.onStop('place on the list of processes', announced.stop)
  const demo = { missing: settings.dev }
  const preparing = () => (demo.missing ? 'the demo is not seeded yet' : null)
  const partProblems = await watchedParts(names, parts, runtime, lifecycle)
  const { failed } = await project(names, parts, { knex: parts.knex, runtimeOn, announced, logger }, lifecycle)
  // Whoever started us listens as soon as we serve.
  failed.catch(() => undefined)
  const facesOn = (one: Runtime) =>
    facesOf(names, one, healthOf(names, one, { held, preparing, partProblems, lifecycle }))
  const ports = createPorts(names, runtime, lifecycle)
  const reading = readOn({ runtime, runtimeOn, announced, show: (one) => ports.show(facesOn(one)) }, lifecycle)
  try {
    ports.show(facesOn(runtime))
    const { publicUrl, adminUrl } = await ports.open()
    const following = followSwitch({ knex: parts.knex, settings, logger, ...reading })
    lifecycle.onStop('watch over the read model in use', following.stop)
    const { renewCertificate } = ports
    return { publicUrl, adminUrl, runtime, lifecycle, prepared: () => (demo.missing = false), renewCertificate, failed }
  } catch (error) {
    await lifecycle.stop()
    throw error
  }
}

/** Which read model to serve with which keys; OperatorError with every reason not to. */
async function requireServable(names: readonly ServiceName[], parts: Parts, settings: Settings, logger: Logger) {
  await requireSoundDatabase(parts.knex, settings)
  const ledger_id = await ledgerIdOf(parts.knex)
  const schema = await readModelInUse(parts.knex, settings.READ_MODEL)
  const read = { ...parts, schema }
  const held = heldKeys(settings, ledger_id, ['system', 'check'].includes(secretsFor(names)))
  const usesLog = logUseOf(names) !== 'none'
  await requireSound({ parts: read, ledger_id, held, usesLog })
  await holdForgetting(parts.knex, logger)
  await warnOfShortGraces(read, settings, logger)
  if (usesLog) await tellOfOtherTimes({ ...read, people: await peopleOf(parts.knex, settings) }, settings, logger)
  if (held && usesLog) await introduceKeys(read, settings, held)
  return { schema, held }
}

type Reading = {
  runtime: Runtime
  runtimeOn: (schema: string) => Runtime
  announced: Announced
  /** Has the ports answer from this runtime. */
  show: (runtime: Runtime) => void
}

/** Changes what the ports answer from as a whole: what was asked before is answered from where it was begun. */
function readOn(
  { runtime, runtimeOn, announced, show }: Reading,
  lifecycle: Lifecycle,
): Pick<Following, 'current' | 'change'> {
  let current = { runtime, watch: watchClocks(runtime) }
  lifecycle.onStop('watch over the clocks', () => current.watch.stop())
  return {
    current: () => current.runtime.schema,
    change: async (schema) => {
      const next = runtimeOn(schema)
      const before = current
      current = { runtime: next, watch: watchClocks(next) }
      show(next)
      await announced.tell({ reads: schema })
      await before.watch.stop()
    },
  }
}

type Judging = Pick<Health, 'held' | 'preparing' | 'partProblems'> & { lifecycle: Lifecycle }

function healthOf(names: readonly ServiceName[], runtime: Runtime, { lifecycle, ...judging }: Judging): Health {
  const { knex, schema, topics, stamps, clocks, settings } = runtime
  const usualLagMs = settings.MAX_LAG * 1000
  return {
    ...{ knex, schema, topics, stamps, clocks },
    ...judging,
    version: VERSION,
    stopping: lifecycle.stopping,
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
  projecting: Projecting,
  lifecycle: Lifecycle,
): Promise<Pick<Serving, 'failed'>> {
  if (!names.includes('projector')) return { failed: lost }
  const projections = await runProjections(projecting)
  lifecycle.onStop('projector', projections.stop)
  return { failed: Promise.race([lost, projections.ended.then(() => lost)]) }
}
