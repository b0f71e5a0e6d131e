import { Command } from 'commander'
import { ownCommand } from '../../shared/config/own-command.ts'
import { VERSION } from '../../shared/process/version.ts'
import { addAdminCommands } from './commands/admin.ts'
import { addAuditCommands } from './commands/audit.ts'
import { addDemoCommand } from './commands/demo.ts'
import { addKeysCommands } from './commands/keys.ts'
import { addLogoutCommand } from './commands/logout.ts'
import { addMigrateCommand } from './commands/migrate.ts'
import { addPerformCommands } from './commands/perform/authorization-code.ts'
import { addUsersCommands } from './commands/people/users.ts'
import { addProjectionCommands } from './commands/projection/projection.ts'
import { addSecretsCommands } from './commands/secrets.ts'
import { addServeCommand } from './commands/serve.ts'
import { addCompletionCommand } from './completion.ts'
import { exitOnWrongUsage } from './exit.ts'
import { addHelpCommand, tellHelp } from './help.ts'

/** What is administered beside users, each a group of verbs. */
const NOUNS: Record<string, string> = {
  clients: 'applications and resource servers, and their secrets',
  scopes: 'what a token may be for, as folders and services',
  groups: 'groups of users and clients, which ACLs name',
  acls: 'which groups may, and which may not',
  resources: 'folders and services, and the ACL that stands on each',
  grants: 'what clients were given for users: list them, make one, end one',
}

/**
 * The command line with every command and its help. `asked`: the word that comes first, so that what it does not need
 * is not loaded; without it all verbs are there.
 */
export async function createProgram(asked?: string): Promise<Command> {
  const program = exitOnWrongUsage(new Command(ownCommand()))
    .description('An OAuth 2.0 token service whose only source of truth is an append-only event log')
    .version(VERSION)
    .addHelpText('after', '\nSettings are read from LEDGER_… environment variables: see docs/settings.md.')
  for (const add of [
    addMigrateCommand,
    addServeCommand,
    addDemoCommand,
    addKeysCommands,
    addProjectionCommands,
    addAuditCommands,
    addAdminCommands,
    addSecretsCommands,
    addUsersCommands,
    addPerformCommands,
  ])
    add(program)
  for (const [name, description] of Object.entries(NOUNS)) program.command(name).description(description)
  if (asked === undefined || asked in NOUNS || ['users', 'help', 'completion'].includes(asked)) {
    const { addNouns } = await import('./commands/nouns/add-nouns.ts')
    addNouns(program)
  }
  for (const add of [addLogoutCommand, addCompletionCommand, addHelpCommand]) add(program)
  tellHelp(program)
  return program
}
