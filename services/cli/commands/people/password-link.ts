import type { Command } from 'commander'
import { ownCommand } from '../../../../shared/config/own-command.ts'
import { dataText, type Format } from '../../render/formats.ts'
import { connectService, EXIT_CODES, formatOption, print, work } from '../verb.ts'

type Told = { sub: string; expires_in: number; link?: string }

/** `token-ledger users password-link` */
export function addPasswordLink(users: Command): void {
  users
    .command('password-link')
    .argument('<sub>', 'of the user')
    .description('make a link by which a user sets a password, once')
    .addOption(formatOption())
    .addHelpText('after', HELP)
    .action(async (sub: string, { format }: { format: Format }, command: Command) => {
      await work(command, connectService, async (access) => {
        const { jsonOf, serviceRequests } = await import('../../connect/service-access.ts')
        const request = serviceRequests(access, 'ledger.admin')
        const path = `/admin/users/${encodeURIComponent(sub)}/password-link`
        const told = await jsonOf<Told>(await request(path, { method: 'POST' }))
        await print(format === 'table' ? textOf(told) : dataText(told, format))
        return true
      })
    })
}

function textOf({ sub, link, expires_in }: Told): string {
  return link === undefined ? `user ${sub}: the link was sent, good for ${expires_in} s\n` : `${link}\n`
}

const HELP = `
Prints the link, which is shown this once: hand it to the user and to nobody else. Where LEDGER_NOTIFY_URL is set, it is
sent there instead. It is good for 24 hours, and until the password is set. Setting it ends all grants of before.

Examples:
  ${ownCommand()} users password-link 4f2c

${EXIT_CODES}`
