import { Argument, type Command } from 'commander'
import { loadSettings } from '../../../shared/config/load-settings.ts'
import { stopOnSignals } from '../../../shared/process/lifecycle.ts'
import { createLogger } from '../../../shared/process/logger.ts'
import { openParts } from '../../../shared/process/open-parts.ts'
import { serve } from '../compose/serve.ts'
import { secretsFor, type ServiceName, SERVICES } from '../compose/services.ts'
import { startDev } from '../dev/start-dev.ts'

/** `token-ledger serve all | SERVICE…` */
export function addServeCommand(program: Command): void {
  program
    .command('serve')
    .description('run services in this process until SIGTERM or SIGINT')
    .addArgument(new Argument('<service...>', 'which services').choices(['all', ...SERVICES]))
    .addHelpText(
      'after',
      '\nExamples:\n  token-ledger serve all\n  token-ledger serve token-endpoint token-check\n  token-ledger serve projector\n\nWithout LEDGER_DATABASE_URL, `serve all` runs on an embedded database in .ledger and seeds a demo.',
    )
    .action(async (chosen: string[]) => {
      const names = chosen.includes('all') ? SERVICES : SERVICES.filter((name) => chosen.includes(name))
      await run(names)
    })
}

async function run(names: readonly ServiceName[]): Promise<void> {
  const settings = loadSettings(process.env, secretsFor(names))
  const logger = createLogger(settings)
  const serving = settings.dev ? await startDev(names, settings, logger) : await start()
  stopOnSignals(serving.lifecycle, (code) => process.exit(code))
  logger.info({ services: names, public_url: serving.publicUrl, admin_url: serving.adminUrl }, 'serving')
  await serving.failed

  async function start() {
    const parts = await openParts(settings, logger)
    return serve(names, parts, settings, logger)
  }
}
