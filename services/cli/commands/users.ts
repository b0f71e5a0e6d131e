import type { Command } from 'commander'
import { ownCommand } from '../../../shared/config/own-command.ts'
import type { ServiceAccess } from '../connect/service-access.ts'
import { connectHost, EXIT_CODES, print, reasonFrom, work } from './verb.ts'

/** `token-ledger users forget | forgotten` */
export function addUsersCommands(program: Command): void {
  const users = program.command('users').description('people: forget one, list who was forgotten')
  users
    .command('forget')
    .argument('<sub>', 'of the person')
    .description('forget a person for ever: end the grants, and delete the key and all that names the person')
    .requiredOption('--reason <text>', 'why, for auditors: name nobody in it')
    .addHelpText('after', FORGET_HELP)
    .action(async (sub: string, { reason }: { reason: string }, command: Command) => {
      const text = reasonFrom(command, reason)
      await work(command, connectService, (access) => forget(access, sub, text))
    })
  users
    .command('forgotten')
    .description('list each sub that was forgotten, one a line, by the log itself')
    .addHelpText('after', FORGOTTEN_HELP)
    .action(async (_options: object, command: Command) => {
      await work(command, connectHost, async ({ parts }) => {
        const { readRegistry } = await import('../../../shared/event-log/registry-log.ts')
        const entities = (await readRegistry(parts.log, parts.topics)).entities()
        const forgotten = entities.filter((entity) => entity.forgotten === true)
        await print(forgotten.map(({ key }) => `${key.slice('user/'.length)}\n`).join(''))
        return true
      })
    })
}

const FORGET_HELP = `
Cannot be taken back: the sub is never used again. When it ends with 0, nobody can read any more what named the person.
What stays is said in docs/people.md. Asks the service at LEDGER_ADMIN_URL, in dev mode the one that runs here.

Example:
  ${ownCommand()} users forget 4f2c --reason "asked for it"

${EXIT_CODES}`

const FORGOTTEN_HELP = `
Keep it outside of the database where the log is in the database: a backup from before brings back both the key and a log
that does not know of the forgetting. After such a restore forget each of them again.

Example:
  ${ownCommand()} users forgotten > forgotten.txt

${EXIT_CODES}`

async function connectService() {
  const { requireAccess } = await import('../connect/find-service.ts')
  return { source: await requireAccess(process.env), close: () => Promise.resolve() }
}

async function forget(access: ServiceAccess, sub: string, reason: string): Promise<boolean> {
  const { jsonOf, serviceRequests } = await import('../connect/service-access.ts')
  const path = `/admin/users/${encodeURIComponent(sub)}/forget`
  const request = serviceRequests(access, 'ledger.admin')
  await jsonOf(await request(path, { method: 'POST', body: { reason } }))
  await print(`${sub}: forgotten\n`)
  return true
}
