import type { Command } from 'commander'
import { ownCommand } from '../../../../shared/config/own-command.ts'
import { runningService } from '../../connect/find-service.ts'
import type { Connected, ServiceAccess } from '../../connect/service-access.ts'
import { dataText, type Format, type Text } from '../../render/formats.ts'
import { connectHost, EXIT_CODES, formatOption, print, work } from '../verb.ts'

/** `token-ledger users forgotten` */
export function addForgotten(users: Command): void {
  users
    .command('forgotten')
    .description('list each sub that was forgotten, one a line')
    .addOption(formatOption())
    .addHelpText('after', FORGOTTEN_HELP)
    .action(async ({ format }: { format: Format }, command: Command) => {
      await work(command, connectForgotten, async (forgotten) => {
        await print(renderForgotten(await forgotten(), format))
        return true
      })
    })
}

const FORGOTTEN_HELP = `
Asks the service at LEDGER_ADMIN_URL if that is set, in dev mode the one that runs here, and else the log itself.

Keep it outside of the database where the log is in the database: a backup from before brings back both the key and a log
that does not know of the forgetting. After such a restore "users forget --from" forgets each of them again.

Examples:
  ${ownCommand()} users forgotten > forgotten.txt
  ${ownCommand()} users forgotten --format json

${EXIT_CODES}`

/** The service that is named or runs here, else the log itself. */
async function connectForgotten(): Promise<Connected<() => Promise<string[]>>> {
  const service = await runningService(process.env)
  if (service) return { source: () => askService(service), close: () => Promise.resolve() }
  const { readRegistry } = await import('../../../../shared/event-log/registry-log.ts')
  const { forgottenSubs } = await import('../../../../shared/ledger/registry/state.ts')
  const { source, close } = await connectHost()
  const { log, topics } = source.parts
  return { source: async () => forgottenSubs((await readRegistry(log, topics)).entities()).sort(), close }
}

async function askService(access: ServiceAccess): Promise<string[]> {
  const { jsonOf, serviceRequests } = await import('../../connect/service-access.ts')
  const request = serviceRequests(access, 'ledger.admin')
  const subs: string[] = []
  for (let path: string | undefined = '/admin/forgotten-users?limit=1000'; path !== undefined;) {
    const response: Response = await request(path)
    subs.push(...(await jsonOf<{ forgotten: string[] }>(response)).forgotten)
    path = /<([^>]+)>; rel="next"/.exec(response.headers.get('link') ?? '')?.[1]
  }
  return subs
}

/** One a line, so that a script reads the table too; as JSON an object with all of them, or one a line. */
function renderForgotten(subs: string[], format: Format): Text {
  if (format === 'table') return subs.map((sub) => `${sub}\n`).join('')
  return dataText(
    { forgotten: subs },
    format,
    subs.map((sub) => ({ sub })),
  )
}
