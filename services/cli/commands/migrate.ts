import type { Command } from 'commander'
import { ownCommand } from '../../../shared/config/own-command.ts'
import { EXIT_CODES } from './verb.ts'

/** `token-ledger migrate` */
export function addMigrateCommand(program: Command): void {
  program
    .command('migrate')
    .description('create or update the database schemas and the topics; safe to repeat')
    .addHelpText('after', `\nExample:\n  ${ownCommand()} migrate\n\n${EXIT_CODES}`)
    .action(run)
}

async function run(): Promise<void> {
  const { loadSettings } = await import('../../../shared/config/load-settings.ts')
  const { openParts } = await import('../../../shared/process/open-parts.ts')
  const { migrate } = await import('../compose/migrate.ts')
  const { quietLogger } = await import('../connect/find-service.ts')
  const settings = loadSettings(process.env, 'none')
  const quiet = quietLogger(process.env, settings)
  const parts = await openParts(settings, quiet)
  const tell = (step: string) => void process.stderr.write(`${step}\n`)
  try {
    const ledger_id = await migrate(parts, settings, quiet, tell)
    process.stdout.write(`ledger ${ledger_id} is ready\n`)
  } finally {
    await parts.close()
  }
}
