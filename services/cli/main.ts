#!/usr/bin/env node
import { Command } from 'commander'
import { addAdminCommands } from './commands/admin.ts'
import { addAuditCommands } from './commands/audit.ts'
import { addDemoCommand } from './commands/demo.ts'
import { addKeysCommands } from './commands/keys.ts'
import { addLogoutCommand } from './commands/logout.ts'
import { addMigrateCommand } from './commands/migrate.ts'
import { addProjectionCommands } from './commands/projection/projection.ts'
import { addSecretsCommands } from './commands/secrets.ts'
import { addServeCommand } from './commands/serve.ts'
import { addUsersCommands } from './commands/people/users.ts'
import { exitCodeOf, exitOnWrongUsage, explain } from './exit.ts'
import { addHelpCommand, tellHelp } from './help.ts'
import { ownCommand } from '../../shared/config/own-command.ts'
import { VERSION } from '../../shared/process/version.ts'

// Whoever stops reading (`| head`) has read enough.
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })

const program = exitOnWrongUsage(new Command(ownCommand()))
  .description('An OAuth 2.0 token service whose only source of truth is an append-only event log')
  .version(VERSION)
  .addHelpText('after', '\nSettings are read from LEDGER_… environment variables: see docs/settings.md.')

addMigrateCommand(program)
addServeCommand(program)
addDemoCommand(program)
addKeysCommands(program)
addProjectionCommands(program)
addAuditCommands(program)
addAdminCommands(program)
addSecretsCommands(program)
addUsersCommands(program)
addLogoutCommand(program)
addHelpCommand(program)
tellHelp(program)

try {
  await program.parseAsync()
} catch (error) {
  process.stderr.write(`${explain(error)}\n`)
  process.exit(exitCodeOf(error))
}
