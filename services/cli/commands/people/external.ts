import type { Command } from 'commander'
import { ownCommand } from '../../../../shared/config/own-command.ts'
import { dataText, type Format } from '../../render/formats.ts'
import { connectService, EXIT_CODES, formatOption, print, work } from '../verb.ts'

type Options = { issuer: string; upstreamSub?: string; format: Format }
type Told = { external: { issuer: string }[] }

/** `token-ledger users link | unlink` */
export function addExternal(users: Command): void {
  verb(users, 'link')
    .description('let a user sign in with an account elsewhere, which no other user has')
    .requiredOption('--upstream-sub <sub>', 'what the issuer calls the person, to the letter')
    .addHelpText('after', help('link 4f2c --issuer https://id.example --upstream-sub a7'))
  verb(users, 'unlink')
    .description('take an account elsewhere from a user; what was granted goes on')
    .option('--upstream-sub <sub>', 'what the issuer calls the person; default: every account of this issuer')
    .addHelpText('after', help('unlink 4f2c --issuer https://id.example'))
}

function verb(users: Command, name: 'link' | 'unlink'): Command {
  return users
    .command(name)
    .argument('<sub>', 'of the user')
    .requiredOption('--issuer <url>', 'of the account, as the provider says it')
    .addOption(formatOption())
    .action(async (sub: string, { issuer, upstreamSub, format }: Options, command: Command) => {
      await work(command, connectService, async (access) => {
        const { jsonOf, serviceRequests } = await import('../../connect/service-access.ts')
        const request = serviceRequests(access, 'ledger.admin')
        const body = { issuer, ...(upstreamSub !== undefined && { sub: upstreamSub }) }
        const path = `/admin/users/${encodeURIComponent(sub)}/external/${name}`
        const told = await jsonOf<Told>(await request(path, { method: 'POST', body }))
        const issuers = told.external.map((one) => one.issuer).join(', ')
        await print(format === 'table' ? `user ${sub}: ${issuers || 'no account elsewhere'}\n` : dataText(told, format))
        return true
      })
    })
}

const help = (example: string) => `
The person is known by both together. What the issuer calls the person is kept as a keyed hash only.

Example:
  ${ownCommand()} users ${example}

${EXIT_CODES}`
