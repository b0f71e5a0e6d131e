import type { Command } from 'commander'
import { ownCommand } from '../../../../shared/config/own-command.ts'
import { connectService, EXIT_CODES, print, work } from '../verb.ts'

/** `token-ledger users export` */
export function addExport(users: Command): void {
  users
    .command('export')
    .argument('<sub>', 'of the person, who may be forgotten')
    .description('print all that is held about a person as one JSON object (GDPR article 15)')
    .addHelpText('after', EXPORT_HELP)
    .action(async (sub: string, _options: object, command: Command) => {
      const { exportOf } = await import('../../connect/remote-audit.ts')
      await work(command, connectService, async (access) => {
        await print(exportOf(access, sub))
        return true
      })
    })
}

const EXPORT_HELP = `
Needs the right ledger.admin:export; who asked for whom stands in the log of the service. What the copy does not contain
is said in it. Asks the service at LEDGER_ADMIN_URL, in dev mode the one that runs here. Only with exit code 0 is it whole.

Example:
  (umask 077; ${ownCommand()} users export 4f2c > person.json)

${EXIT_CODES}`
