import type { Command } from 'commander'
import { ownCommand } from '../../../shared/config/own-command.ts'
import { EXIT_CODES } from './verb.ts'

/** `token-ledger logout` */
export function addLogoutCommand(program: Command): void {
  program
    .command('logout')
    .description('revoke the access tokens that the command line keeps for this service, and forget them')
    .addHelpText('after', `\n${KEPT}\n\nExample:\n  ${ownCommand()} logout\n\n${EXIT_CODES}`)
    .action(async () => {
      const { requireAccess } = await import('../connect/find-service.ts')
      const { logout } = await import('../connect/logout.ts')
      const count = await logout(await requireAccess(process.env))
      process.stderr.write(count === 0 ? 'no token was kept\n' : `revoked ${count} of the command line's own tokens\n`)
    })
}

const KEPT = `A verb that asks a service fetches one access token and keeps it until it ends, so that the next call needs no other: in dev
mode below LEDGER_DATA_DIR, else below $XDG_CACHE_HOME/token-ledger or ~/.cache/token-ledger, in a file that only you can read.`
