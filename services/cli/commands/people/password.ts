import type { Command } from 'commander'
import { OperatorError } from '../../../../shared/config/operator-error.ts'
import { ownCommand } from '../../../../shared/config/own-command.ts'
import { dataText, type Format } from '../../render/formats.ts'
import { askSecret, readStdin } from '../read-secret.ts'
import { connectService, EXIT_CODES, formatOption, print, work } from '../verb.ts'

type Options = { remove?: true; format: Format }

/** `token-ledger users password` */
export function addPassword(users: Command): void {
  users
    .command('password')
    .argument('<sub>', 'of the user')
    .description('set the password of a user, or remove it; all grants of before end')
    .option('--remove', 'there is no password any more')
    .addOption(formatOption())
    .addHelpText('after', HELP)
    .action(async (sub: string, { remove, format }: Options, command: Command) => {
      const password = remove ? null : await readPassword()
      await work(command, connectService, async (access) => {
        const { jsonOf, serviceRequests } = await import('../../connect/service-access.ts')
        const request = serviceRequests(access, 'ledger.admin')
        const sent = password === null ? { method: 'DELETE' } : { method: 'PUT', body: { password } }
        const told = await jsonOf<object>(await request(`/admin/users/${encodeURIComponent(sub)}/password`, sent))
        await print(
          format === 'table' ? `user ${sub}: ${remove ? 'no password' : 'password set'}\n` : dataText(told, format),
        )
        return true
      })
    })
}

const HELP = `
Asks for the password at the terminal, twice, without showing it; elsewhere it is all of stdin, but for a line end behind
it. It is never an argument: those stand in the list of processes. At least 8 characters, at most 1024 bytes.

Examples:
  ${ownCommand()} users password 4f2c
  ${ownCommand()} users password 4f2c < password.txt
  ${ownCommand()} users password 4f2c --remove

${EXIT_CODES}`

async function readPassword(): Promise<string> {
  if (!process.stdin.isTTY) return readStdin()
  const password = await askSecret('New password: ', NOTHING)
  if ((await askSecret('Once more: ', NOTHING)) !== password) throw new OperatorError(`the two differ: ${NOTHING}`)
  return password
}

const NOTHING = 'nothing was changed'
