import { randomBytes } from 'node:crypto'
import type { Command } from 'commander'
import { OperatorError } from '../../../shared/config/operator-error.ts'
import type { KeyAccess } from '../connect/keys.ts'
import type { Format } from '../render/formats.ts'
import { addOutOptions, giveSecret, type OutOptions } from './private-file.ts'
import { EXIT_CODES, formatOption, lookOf, print, WHERE, wideOption, work } from './verb.ts'

const SECRET_BYTES = 32

/** `token-ledger keys generate | derive check | status | revoke` */
export function addKeysCommands(program: Command): void {
  const keys = program.command('keys').description('the secrets that tokens are made with: make, look after, end them')
  keys.addHelpText('after', ROTATION)
  addGenerate(keys)
  addDerive(keys)
  addStatus(keys)
  addRevoke(keys)
}

const ROTATION = `
Rotating a key, in an order that nobody notices:
  token-ledger keys generate --kid 2    put it second in LEDGER_SECRETS_SYSTEM everywhere, restart
                                        then put it first everywhere, restart
  token-ledger keys status              says until when kid 1 is needed: then take it out, restart
Renew LEDGER_SECRETS_CHECK (token-ledger keys derive check) at each of the three.

A key that leaked or is lost:
  token-ledger keys revoke --kid 1      says what would end
  token-ledger keys revoke --kid 1 --yes`

function addGenerate(keys: Command): void {
  addOutOptions(keys.command('generate'))
    .description('print a new entry for LEDGER_SECRETS_SYSTEM')
    .option('--kid <number>', 'its key id, 1 to 255', '1')
    .addHelpText('after', '\nExample:\n  token-ledger keys generate --kid 2 --out system.secret')
    .action(({ kid, ...out }: OutOptions & { kid: string }) =>
      giveSecret(`${kidOf(keys, kid)}:${randomBytes(SECRET_BYTES).toString('base64')}`, out),
    )
}

function addDerive(keys: Command): void {
  keys
    .command('derive')
    .argument('<service>', 'check')
    .description('print LEDGER_SECRETS_CHECK: the subkeys that a token-check process needs, and no more')
    .action(async (service: string) => {
      if (service !== 'check') keys.error('only "keys derive check" exists', { exitCode: 2 })
      process.stdout.write(`${await deriveCheck()}\n`)
    })
}

function addStatus(keys: Command): void {
  keys
    .command('status')
    .description('which keys are configured, what still needs each, until when, and what to do next')
    .addOption(formatOption())
    .addOption(wideOption())
    .addHelpText('after', STATUS_HELP)
    .action(async ({ format, wide }: { format: Format; wide: boolean }, command: Command) => {
      const { connectAudit } = await import('../connect/audit.ts')
      const { renderKeys } = await import('../render/keys.ts')
      await work(command, connectAudit, async (source) => {
        const status = await source.keys()
        await print(renderKeys(status, format, lookOf({ wide })))
        // A line of JSON is a key, and has no place for what concerns all of them.
        if (format === 'jsonl' && status.problem !== null)
          process.stderr.write(`the read model may be incomplete: ${status.problem}\n`)
        return status.well
      })
    })
}

const STATUS_HELP = `
Counts what lives and was made with each key. A key is needed until its last token ends by itself; a spent refresh token
counts for 300 s more, because it may be retried. Tells the keys of the process that it asks; LEDGER_SECRETS_CHECK tells as
much as LEDGER_SECRETS_SYSTEM, without either it is not known what is configured.

${WHERE}

Examples:
  token-ledger keys status
  token-ledger keys status --format json

Exit codes: 0 all is well, 1 something that lives needs a key that is not configured, or the read model may be incomplete,
2 wrong usage, 3 a part cannot be reached.`

type RevokeOptions = { kid: string; yes: boolean; format: Format }

function addRevoke(keys: Command): void {
  keys
    .command('revoke')
    .description('end every grant that has something living of this key: for one that leaked or is lost')
    .requiredOption('--kid <number>', 'its key id')
    .option('--yes', 'do it; without this only the counts are told', false)
    .addOption(formatOption())
    .addHelpText('after', REVOKE_HELP)
    .action(async ({ kid, yes, format }: RevokeOptions, command: Command) => {
      const number = kidOf(command, kid)
      const { connectKeys } = await import('../connect/keys.ts')
      await work(command, connectKeys, (source) => revoke(source, { kid: number, yes, format }))
    })
}

const REVOKE_HELP = `
Put another key first in every process before. Ends whole grants, also those that have moved to a newer key and of which an
older token still lives: one TokenRevoked each, reason key_revoked, durable and projected when it says so. Grants that get
tokens of this key meanwhile are told and ended too. May be stopped and repeated.
It does not end client secrets that are stored under this key: it lists these clients, which each need a new secret.

Asks the service at LEDGER_ADMIN_URL (with LEDGER_URL, LEDGER_CLIENT_ID, LEDGER_CLIENT_SECRET: an administrator) if that is
set, in dev mode the one that runs here. Else it appends to the log itself, as system/keys, which needs a running projector
and no key.

Examples:
  token-ledger keys revoke --kid 1
  token-ledger keys revoke --kid 1 --yes

${EXIT_CODES}`

async function revoke(source: KeyAccess, { kid, yes, format }: Omit<RevokeOptions, 'kid'> & { kid: number }) {
  const { revokeWholeKey } = await import('../connect/revoke-whole-key.ts')
  const { renderRevoked } = await import('../render/keys.ts')
  const tell = (line: string) => void process.stderr.write(`${line}\n`)
  const ended = yes ? await source.endOwn(kid) : 0
  if (ended > 0) tell(`revoked ${ended} of the command line's own tokens, which are no user's`)
  const done = yes ? await revokeWholeKey(source, kid, tell) : null
  const key = await source.inUse(kid)
  const own = await source.countOwn(kid)
  await print(renderRevoked(key, done, format))
  if (own > 0) tell(`${own} of the ${key.grants} grants are the command line's own: "token-ledger logout" ends them`)
  return done === null || !done.left
}

function kidOf(command: Command, text: string): number {
  const kid = /^[1-9]\d{0,2}$/.test(text) ? Number(text) : 0
  if (kid < 1 || kid > 255) command.error('--kid must be a whole number from 1 to 255', { exitCode: 2 })
  return kid
}

async function deriveCheck(): Promise<string> {
  const { loadSettings } = await import('../../../shared/config/load-settings.ts')
  const { ledgerIdOf } = await import('../../../shared/process/ledger-id.ts')
  const { openExisting } = await import('../../../shared/process/open-parts.ts')
  const { deriveKeys, formatCheckSecrets } = await import('../../../shared/tokens/keys.ts')
  const { quietLogger } = await import('../connect/find-service.ts')
  const settings = loadSettings(process.env)
  const { SECRETS_SYSTEM: secrets } = settings
  if (!secrets) throw new OperatorError('LEDGER_SECRETS_SYSTEM is not set: the subkeys are derived from it')
  const parts = await openExisting(settings, quietLogger(process.env, settings))
  try {
    return formatCheckSecrets(deriveKeys(secrets, await ledgerIdOf(parts.knex)))
  } finally {
    await parts.close()
  }
}
