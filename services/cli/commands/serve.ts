import { Argument, type Command } from 'commander'
import type { Logger } from 'pino'
import { ownCommand } from '../../../shared/config/own-command.ts'
import type { Settings } from '../../../shared/config/settings.ts'
import type { Serving } from '../compose/serve.ts'
import { type ServiceName, SERVICES } from '../compose/service-names.ts'
import { EXIT_CODES } from './verb.ts'

/** `token-ledger serve all | SERVICE…` */
export function addServeCommand(program: Command): void {
  program
    .command('serve')
    .description('run services in this process until SIGTERM or SIGINT')
    .addArgument(new Argument('<service...>', 'which services').choices(['all', ...SERVICES]))
    .addHelpText(
      'after',
      `
Examples:
  ${ownCommand()} serve all
  ${ownCommand()} serve token-endpoint token-check
  ${ownCommand()} serve projector

Without LEDGER_DATABASE_URL or LEDGER_DATABASE_HOST, "serve all" runs on an embedded database in .ledger and seeds a demo.

${EXIT_CODES}`,
    )
    .action(async (chosen: string[]) => {
      const names = chosen.includes('all') ? SERVICES : SERVICES.filter((name) => chosen.includes(name))
      await run(names)
    })
}

async function run(names: readonly ServiceName[]): Promise<void> {
  const { loadSettings } = await import('../../../shared/config/load-settings.ts')
  const { renewOnHangup, stopOnSignals } = await import('../../../shared/process/lifecycle.ts')
  const { createLogger } = await import('../../../shared/process/logger.ts')
  const { secretsFor } = await import('../compose/services.ts')
  const { requireAnswerable } = await import('../compose/exposed.ts')
  const settings = loadSettings(process.env, secretsFor(names))
  requireAnswerable(names, settings)
  const logger = createLogger(settings, process.stderr)
  const serving = await start(names, settings, logger)
  if (serving.renewCertificate) renewOnHangup(serving.renewCertificate)
  stopOnSignals(serving.lifecycle, (code) => process.exit(code))
  logger.info({ services: names, public_url: serving.publicUrl, admin_url: serving.adminUrl }, 'serving')
  await serving.failed
}

async function start(names: readonly ServiceName[], settings: Settings, logger: Logger): Promise<Serving> {
  if (settings.dev) {
    const { startDev } = await import('../dev/start-dev.ts')
    return startDev(names, settings, logger)
  }
  const { openParts } = await import('../../../shared/process/open-parts.ts')
  const { serve } = await import('../compose/serve.ts')
  // What cannot be reached at the start is told in one line at the end; later on a part that fails and is tried again
  // is told in the log.
  const ofParts = logger.child({}, logger.isLevelEnabled('debug') ? {} : { level: 'silent' })
  const serving = await serve(names, await openParts(settings, ofParts), settings, logger)
  ofParts.level = logger.level
  return serving
}
