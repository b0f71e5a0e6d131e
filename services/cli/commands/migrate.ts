import type { Command } from 'commander'
import { loadSettings } from '../../../shared/config/load-settings.ts'
import { createLogger } from '../../../shared/process/logger.ts'
import { migrate } from '../compose/migrate.ts'
import { openParts } from '../../../shared/process/open-parts.ts'

/** `token-ledger migrate` */
export function addMigrateCommand(program: Command): void {
  program
    .command('migrate')
    .description('create or update the database schemas and the topics; safe to repeat')
    .action(async () => {
      const settings = loadSettings(process.env, 'none')
      const logger = createLogger(settings)
      const parts = await openParts(settings, logger)
      try {
        const ledger_id = await migrate(parts, settings, logger)
        process.stdout.write(`ledger ${ledger_id} is ready\n`)
      } finally {
        await parts.close()
      }
    })
}
