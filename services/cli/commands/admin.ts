import type { Command } from 'commander'
import { ownCommand } from '../../../shared/config/own-command.ts'
import type { Format } from '../render/formats.ts'
import { addOutOptions, type OutOptions, writeSecret } from './secrets.ts'
import { connectHost, EXIT_CODES, formatOption, print, reasonFrom, work } from './verb.ts'

/** `token-ledger admin recover` */
export function addAdminCommands(program: Command): void {
  const admin = program.command('admin').description('administrators of the ledger: have one again')
  addOutOptions(admin.command('recover'))
    .description('make a client that can administer the ledger, whatever keeps everybody out; run on the host, audited')
    .requiredOption('--reason <text>', 'why: it is written into the log, for auditors')
    .option('--client-id <id>', 'of the client: one that there is gets a new secret, and is replaced', 'recovery')
    .addOption(formatOption())
    .addHelpText('after', HELP)
    .action(run)
}

const HELP = `
Where nobody can act as administrator any more, and "migrate" with a bootstrap client does not help: makes a client in the
group Administrators with the scope "ledger.admin ledger.audit" and a new secret, and opens what keeps it out: the scope, the
ACL Administrators, and resources of the ledger that have another ACL. Changes nothing else, and takes nobody's rights.

Appends to the log itself, with the settings of "migrate", as system/operator, never through a service; in dev mode stop
"serve" first. It counts as soon as a running projector has folded it. The secret is told this once; may be repeated, and
each time gives the same client a new one. "audit replay --wide" tells who closed the ledger, and shows this too.

Examples:
  ${ownCommand()} admin recover --reason "all administrators were disabled"
  ${ownCommand()} admin recover --reason "ACL emptied" --out root.secret

${EXIT_CODES}`

type Options = OutOptions & { reason: string; clientId: string; format: Format }

async function run({ reason: text, clientId, format, out, force }: Options, command: Command): Promise<void> {
  const reason = reasonFrom(command, text)
  if (!/^[\x21\x23-\x2b\x2d-\x5b\x5d-\x7e]{1,100}$/.test(clientId))
    command.error('error: --client-id must be 1 to 100 of ASCII 33-126 without backslash, comma and quote')
  const { generateClientSecret } = await import('../../../shared/tokens/client-secret.ts')
  const { recover } = await import('../compose/recover.ts')
  const { renderRecovered } = await import('../render/recovered.ts')
  await work(command, connectHost, async ({ parts, settings }) => {
    const made = generateClientSecret()
    // Into its file first: an administrator whose secret is lost would be none.
    const secret = async () => {
      if (out !== undefined) await writeSecret(made, { out, force })
      return made
    }
    const { opened } = await recover(parts, settings, { clientId, secret, reason })
    const told = { client_id: clientId, client_secret: out === undefined ? made : null, opened }
    await print(renderRecovered(told, format))
    return true
  })
}
