import { text } from 'node:stream/consumers'
import { Writable } from 'node:stream'
import type { Command } from 'commander'
import { OperatorError } from '../../../../shared/config/operator-error.ts'
import { ownCommand } from '../../../../shared/config/own-command.ts'
import { dataText, type Format } from '../../render/formats.ts'
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
  if (!process.stdin.isTTY) return (await text(process.stdin)).replace(/\r?\n$/, '')
  const password = await asked('New password: ')
  if ((await asked('Once more: ')) !== password) throw new OperatorError('the two differ: nothing was changed')
  return password
}

/** What is typed, without showing it: asked for once the terminal no longer shows anything. */
async function asked(question: string): Promise<string> {
  const { createInterface } = await import('node:readline')
  const output = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input: process.stdin, output, terminal: true })
  process.stderr.write(question)
  return new Promise<string>((resolve, reject) => {
    lines.once('line', resolve)
    lines.once('close', () => reject(new OperatorError('nothing was changed')))
  }).finally(() => {
    lines.close()
    process.stderr.write('\n')
  })
}
