import type { Command } from 'commander'
import { OperatorError } from '../../../shared/config/operator-error.ts'
import type { KeyAccess, KeySource } from '../connect/keys.ts'
import type { Format } from '../render/formats.ts'
import { EXIT_CODES, formatOption, print, work } from './verb.ts'

const WHERE = `
Asks the service at LEDGER_ADMIN_URL (with LEDGER_URL, LEDGER_CLIENT_ID, LEDGER_CLIENT_SECRET: an administrator) if that is
set, in dev mode the one that runs here. Else it appends to the log itself, as system/keys, which needs a running projector
and no key.`

type RevokeOptions = { kid: string; yes: boolean; format: Format }

/** `token-ledger keys revoke` */
export function addRevoke(keys: Command): void {
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
${WHERE}

Examples:
  token-ledger keys revoke --kid 1
  token-ledger keys revoke --kid 1 --yes

${EXIT_CODES}`

async function revoke(source: KeyAccess, { kid, yes, format }: Omit<RevokeOptions, 'kid'> & { kid: number }) {
  const { neverWas } = await import('../../admin/keys/key-in-use.ts')
  const { revokeWholeKey } = await import('../connect/revoke-whole-key.ts')
  const { renderRevoked } = await import('../render/keys.ts')
  if (!(await source.inUse(kid)).known) throw new OperatorError(neverWas(kid))
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

type RetireOptions = { kid: string; lost: boolean; format: Format }

/** `token-ledger keys retire` */
export function addRetire(keys: Command): void {
  keys
    .command('retire')
    .description('say that nothing needs this key any more: then every process may start without it')
    .requiredOption('--kid <number>', 'its key id')
    .option('--lost', 'nobody has the key: client secrets that are stored under it are no reason to keep it', false)
    .addOption(formatOption())
    .addHelpText('after', RETIRE_HELP)
    .action(async ({ kid, lost, format }: RetireOptions, command: Command) => {
      const number = kidOf(command, kid)
      const { connectKeys } = await import('../connect/keys.ts')
      await work(command, connectKeys, (source) => retire(source, { kid: number, lost, format }))
    })
}

const RETIRE_HELP = `
Appends KeyRetired. Refused for the key that is first here, and while a grant or a client's secret needs it. From then on
its tokens are refused everywhere as forged ones, and its kid is never used again. May be repeated.
--lost also lets client secrets go that are stored under it: these clients cannot authenticate until each has a new one.
${WHERE}

Examples:
  token-ledger keys retire --kid 1

${EXIT_CODES}`

async function retire(source: KeySource, { kid, lost, format }: Omit<RetireOptions, 'kid'> & { kid: number }) {
  const { renderRetired } = await import('../render/keys.ts')
  const key = await source.retire({ kid, lost })
  await print(renderRetired(key, format))
  return key.grants === 0
}

/** The kid in this text, 1 to 255; anything else ends the command as wrong usage. */
export function kidOf(command: Command, text: string): number {
  const kid = /^[1-9]\d{0,2}$/.test(text) ? Number(text) : 0
  if (kid < 1 || kid > 255) command.error('--kid must be a whole number from 1 to 255', { exitCode: 2 })
  return kid
}
