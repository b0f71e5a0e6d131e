import { type Command, InvalidArgumentError, Option } from 'commander'
import { ownCommand } from '../../../../shared/config/own-command.ts'
import { grantOf } from '../../oauth-client/grant-of.ts'
import { dataText, type Format } from '../../render/formats.ts'
import { addOutOptions, type OutOptions, requirePlace, writeSecret } from '../secrets.ts'
import { EXIT_CODES, formatOption, print } from '../verb.ts'
import type { Performing } from './perform.ts'

type Options = OutOptions & Performing & { format: Format }

/** `token-ledger perform authorization-code` */
export function addPerformCommands(program: Command): void {
  const perform = program.command('perform').description('get tokens as an application does, to try it out')
  const verb = perform
    .command('authorization-code')
    .description('log in with a browser, and print the tokens that come of it')
    .requiredOption('--client-id <client_id>', 'the application')
    .option('--client-secret-file <file>', 'with its secret; - asks for it, or reads stdin. A public one has none')
    .option('--issuer <url>', 'whom to ask; default: LEDGER_URL, in dev mode the one that runs here')
    .option('--scope <text>', 'what to ask for, with spaces')
    .option('--prompt <text>', 'login, consent or none')
    .addOption(whole('--max-age <seconds>', 'how long ago the login may be', 2_147_483_647))
    .addOption(whole('--redirect-port <port>', 'where the browser comes back to', 65_535).default(0, 'any'))
    .option('--no-open', 'only print the address, for a browser on this machine')
    .addOption(whole('--timeout <seconds>', 'how long to wait for the person', 86_400).default(300))
  addOutOptions(verb)
    .addOption(formatOption())
    .addHelpText('after', HELP)
    .action(async (options: Options) => {
      const { format, out, force } = options
      const { perform: performed } = await import('./perform.ts')
      await requirePlace(options)
      const tokens = await performed(options)
      if (out !== undefined) await writeSecret(JSON.stringify(tokens), { out, force })
      const { access_token, refresh_token, ...told } = tokens
      const secret = out === undefined ? { access_token, refresh_token } : {}
      const shown = { grant_id: grantOf(access_token), ...told, ...secret }
      const lines = Object.entries(shown).filter(([, value]) => value !== undefined)
      await print(
        format === 'table'
          ? lines.map(([name, value]) => `${name}: ${value as string}\n`).join('')
          : dataText(shown, format),
      )
    })
}

const HELP = `
Registers nothing: the client must have grant_type authorization_code and the redirect URI http://127.0.0.1/callback, whose
port does not count. Sends PKCE (S256) and a state, and checks state and iss of the answer. The tokens are told this once:
printed, or written by --out as JSON to a file that only you can read.

Examples:
  ${ownCommand()} perform authorization-code --client-id demo-shop
  ${ownCommand()} perform authorization-code --client-id shop --prompt login
  ${ownCommand()} perform authorization-code --client-id app --prompt none

${EXIT_CODES}`

function whole(flags: string, about: string, most: number): Option {
  return new Option(flags, about).argParser((text) => {
    if (/^\d{1,10}$/.test(text) && Number(text) <= most) return Number(text)
    throw new InvalidArgumentError(`It must be a whole number up to ${most}.`)
  })
}
