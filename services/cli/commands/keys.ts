import { randomBytes } from 'node:crypto'
import { Argument, type Command } from 'commander'
import { OperatorError } from '../../../shared/config/operator-error.ts'
import { ownCommand } from '../../../shared/config/own-command.ts'
import type { Format } from '../render/formats.ts'
import { addRetire, addRevoke, addRewrap, kidOf } from './keys-end.ts'
import { addOutOptions, giveSecret, type OutOptions } from './secrets.ts'
import { EXIT_CODES, formatOption, lookOf, print, WHERE, wideOption, work } from './verb.ts'

const SECRET_BYTES = 32

/** `token-ledger keys generate | derive check | status | revoke | retire` */
export function addKeysCommands(program: Command): void {
  const keys = program
    .command('keys')
    .description('the keys that tokens are made with: make one, see what needs it, end it')
  keys.addHelpText('after', ROTATION)
  addGenerate(keys)
  addDerive(keys)
  addStatus(keys)
  addRevoke(keys)
  addRewrap(keys)
  addRetire(keys)
}

const ROTATION = `
Rotating a key, in an order that nobody notices:
  ${ownCommand()} keys generate --kid 2
    Put it second in LEDGER_SECRETS_SYSTEM everywhere and restart, then first.
  ${ownCommand()} keys rewrap
    It wraps the keys of persons under kid 2.
  ${ownCommand()} keys status
    It says until when kid 1 is needed.
  ${ownCommand()} keys retire --kid 1
    It says that nothing needs kid 1: take it out everywhere and restart.

Renew LEDGER_SECRETS_CHECK and LEDGER_SECRETS_PROJECT (${ownCommand()} keys derive check, project) each time a key comes or
goes. A kid is never used again.

A key that leaked or is lost: make another with a new kid and put it first.
  ${ownCommand()} keys revoke --kid 1
    It says what would end; with --yes it ends that.
  ${ownCommand()} keys retire --kid 1
    Take it out everywhere, and restart.`

function addGenerate(keys: Command): void {
  addOutOptions(keys.command('generate'))
    .description('print a new entry for LEDGER_SECRETS_SYSTEM')
    .option('--kid <number>', 'its key id, 1 to 255', '1')
    .addHelpText('after', GENERATE_HELP)
    .action(async ({ kid: text, ...out }: OutOptions & { kid: string }, command: Command) => {
      const kid = kidOf(command, text)
      await requireNewKid(kid)
      await giveSecret(`${kid}:${randomBytes(SECRET_BYTES).toString('base64')}`, out)
    })
}

const GENERATE_HELP = `
Where LEDGER_ADMIN_URL, LEDGER_DATABASE_URL or LEDGER_DATABASE_HOST is set, a kid that this ledger has known is refused: it is never used again.

Example:
  ${ownCommand()} keys generate --kid 2 --out system.secret

${EXIT_CODES}`

/** OperatorError for a kid that the ledger at hand has known; a warning where it cannot be asked. */
async function requireNewKid(kid: number): Promise<void> {
  const names = ['LEDGER_ADMIN_URL', 'LEDGER_DATABASE_URL', 'LEDGER_DATABASE_URL_FILE', 'LEDGER_DATABASE_HOST']
  if (!names.some((name) => process.env[name])) return
  const known = await isKnown(kid).catch((error: unknown) => {
    process.stderr.write(
      `warning: it is not known whether kid ${kid} was used before: ${error instanceof Error ? error.message : String(error)}\n`,
    )
    return false
  })
  if (known) throw new OperatorError(`this ledger has known kid ${kid}: a kid is never used again, choose another`)
}

async function isKnown(kid: number): Promise<boolean> {
  const { connectKeys } = await import('../connect/keys.ts')
  const { source, close } = await connectKeys()
  return source
    .inUse(kid)
    .then(({ known }) => known)
    .finally(close)
}

type Service = 'check' | 'project'

function addDerive(keys: Command): void {
  addOutOptions(keys.command('derive'))
    .addArgument(new Argument('<service>', 'whose').choices(['check', 'project']))
    .description(
      'print LEDGER_SECRETS_CHECK or LEDGER_SECRETS_PROJECT: the subkeys that token-check or the projector needs, and no more',
    )
    .addHelpText('after', DERIVE_HELP)
    .action(async (service: Service, out: OutOptions) => giveSecret(await derive(service), out))
}

const DERIVE_HELP = `
Reads LEDGER_SECRETS_SYSTEM, and compares it with what the ledger in the database knows of its keys. Repeat it each time a key
comes or goes: whoever lacks one does not start.

Examples:
  ${ownCommand()} keys derive check --out check.secret
  ${ownCommand()} keys derive project --out project.secret

${EXIT_CODES}`

function addStatus(keys: Command): void {
  keys
    .command('status')
    .description('tell which keys are configured, what still needs each, until when, and what to do next')
    .addOption(formatOption())
    .addOption(wideOption())
    .addHelpText('after', STATUS_HELP)
    .action(async ({ format, wide }: { format: Format; wide: boolean }, command: Command) => {
      const { connectAudit } = await import('../connect/audit.ts')
      const { concernsAll, renderKeys } = await import('../render/keys.ts')
      await work(command, connectAudit, async (source) => {
        const status = await source.keys()
        await print(renderKeys(status, format, lookOf({ wide })))
        // A line of JSON is a key, and has no place for what concerns all of them.
        if (format === 'jsonl') for (const line of concernsAll(status)) process.stderr.write(`${line}\n`)
        return status.well
      })
    })
}

const STATUS_HELP = `
Counts what was made with each key and can still be used. A key is needed until its last token expires; a spent refresh
token counts for 300 s more, because a refresh may be repeated that long. "configured" is what the process has that is
asked, in LEDGER_SECRETS_SYSTEM or LEDGER_SECRETS_CHECK; without either it is "unknown".

${WHERE}

Examples:
  ${ownCommand()} keys status
  ${ownCommand()} keys status --format json

Exit codes: 0 all is well, 1 something that lives needs a key that is not configured, or the read model may be incomplete,
2 wrong usage, 3 a part cannot be reached.`

const NO_SECRETS = 'LEDGER_SECRETS_SYSTEM is not set: the subkeys are derived from it'

/** OperatorError without secrets, without a ledger, and where a key is another one than the ledger shows. */
async function derive(service: Service): Promise<string> {
  const { loadSettings } = await import('../../../shared/config/load-settings.ts')
  const { ledgerIdOf } = await import('../../../shared/process/ledger-id.ts')
  const { openExisting } = await import('../../../shared/process/open-parts.ts')
  const { heldKeys, knownKeys, requireRightKeys } = await import('../../../shared/process/soundness/key-soundness.ts')
  const { readModelInUse } = await import('../../../shared/read-model/versions/read-models.ts')
  const { formatCheckSecrets, formatProjectSecrets } = await import('../../../shared/tokens/keys.ts')
  const { quietLogger } = await import('../connect/find-service.ts')
  const settings = loadSettings(process.env)
  if (!settings.SECRETS_SYSTEM) throw new OperatorError(NO_SECRETS)
  const parts = await openExisting(settings, quietLogger(process.env, settings))
  try {
    const held = heldKeys(settings, await ledgerIdOf(parts.knex))
    if (!held) throw new OperatorError(NO_SECRETS)
    const schema = await readModelInUse(parts.knex, settings.READ_MODEL)
    requireRightKeys(held, await knownKeys({ ...parts, schema }, false))
    return service === 'check' ? formatCheckSecrets(held.keys) : formatProjectSecrets(held.keys)
  } finally {
    await parts.close()
  }
}
