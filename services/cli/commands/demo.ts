import type { Command } from 'commander'
import { OperatorError } from '../../../shared/config/operator-error.ts'
import { ownCommand } from '../../../shared/config/own-command.ts'
import { dataText, type Format, type Text } from '../render/formats.ts'
import { EXIT_CODES, formatOption, print } from './verb.ts'

/** `token-ledger demo` */
export function addDemoCommand(program: Command): void {
  program
    .command('demo')
    .description('the lines of the tour with new tokens, of the dev server ("npm start") that runs here')
    .addOption(formatOption())
    .addHelpText('after', `\n${WHAT}\n\nExample:\n  ${ownCommand()} demo\n\n${EXIT_CODES}`)
    .action(async ({ format }: { format: Format }) => print(await tour(format)))
}

const WHAT = `Makes two new grants of the demo's user to the demo's application, and prints a line for each step, with their tokens and
the demo's secrets filled in. Works with the dev server of LEDGER_DATA_DIR only.`

async function tour(format: Format): Promise<Text> {
  const { demoUrl, devAccess } = await import('../connect/find-service.ts')
  const { askDemoGrants } = await import('../connect/demo-grants.ts')
  const { readDevSecrets } = await import('../dev/dev-secrets.ts')
  const { DEMO_GRANT, renderTour, tourOf } = await import('../dev/tour.ts')
  const { folder, access } = await devAccess(process.env)
  const secrets = await readDevSecrets(folder)
  const demo_url = await demoUrl(folder)
  if (!secrets) throw new OperatorError(`LEDGER_DATA_DIR: ${folder} has no secrets of a dev server`)
  const { clients, password } = secrets
  const server = { client_id: 'demo-orders', client_secret: clients['demo-orders'] }
  const place = { url: access.url, admin_url: access.admin_url, demo_url, folder, password }
  const steps = tourOf({ ...place, secrets: clients, grants: await askDemoGrants(access, DEMO_GRANT, server) })
  return format === 'table' ? renderTour(place, steps) : dataText(steps, format, steps)
}
