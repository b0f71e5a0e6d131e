import type { Command } from 'commander'
import { OperatorError } from '../../../shared/config/operator-error.ts'
import { ownCommand } from '../../../shared/config/own-command.ts'
import { countText } from '../../../shared/read-model/key-uses/key-uses.ts'
import type { KeyAccess, KeySource } from '../connect/keys.ts'
import type { RewrapSource } from '../connect/rewrap.ts'
import type { Connected } from '../connect/service-access.ts'
import type { Format } from '../render/formats.ts'
import { connectHost, EXIT_CODES, formatOption, print, work } from './verb.ts'

const WHERE = `
Asks the service at LEDGER_ADMIN_URL (with LEDGER_URL, LEDGER_CLIENT_ID, LEDGER_CLIENT_SECRET: an administrator) if that is
set, in dev mode the one that runs here. Else it appends to the log itself, as system/keys, which needs a running projector
and no key.`

type RevokeOptions = { kid: string; yes: boolean; format: Format }

/** `token-ledger keys revoke` */
export function addRevoke(keys: Command): void {
  keys
    .command('revoke')
    .description('end every grant with anything of this key that can still be used: for a key that leaked or is lost')
    .requiredOption('--kid <number>', 'its key id')
    .option('--yes', 'end them; without this they are only counted', false)
    .addOption(formatOption())
    .addHelpText('after', REVOKE_HELP)
    .action(async ({ kid, yes, format }: RevokeOptions, command: Command) => {
      const number = kidOf(command, kid)
      const { connectKeys } = await import('../connect/keys.ts')
      await work(command, connectKeys, (source) => revoke(source, { kid: number, yes, format }))
    })
}

const REVOKE_HELP = `
Before this, put another key first in every process. It ends whole grants, also one that has moved to a newer key while an
older token of it can still be used. Each gets one TokenRevoked with the reason key_revoked; when the command ends, all of
them are durable and projected. Grants that get tokens of this key meanwhile are told and ended too. It may be stopped and
repeated. Client secrets that are stored under this key do not end: it lists their clients, which each need a new secret.
${WHERE}

Examples:
  ${ownCommand()} keys revoke --kid 1
  ${ownCommand()} keys revoke --kid 1 --yes

${EXIT_CODES}`

async function revoke(source: KeyAccess, { kid, yes, format }: Omit<RevokeOptions, 'kid'> & { kid: number }) {
  const { neverWas } = await import('../../admin/keys/key-in-use.ts')
  const { revokeWholeKey } = await import('../connect/keys.ts')
  const { renderRevoked } = await import('../render/keys.ts')
  if (!(await source.inUse(kid)).known) throw new OperatorError(neverWas(kid))
  const tell = (line: string) => void process.stderr.write(`${line}\n`)
  const ended = yes ? await source.endOwn(kid) : 0
  if (ended > 0) tell(`revoked ${ended} of the command line's own tokens, which are no user's`)
  const done = yes ? await revokeWholeKey(source, kid, tell) : null
  const key = await source.inUse(kid)
  const own = await source.countOwn(kid)
  await print(renderRevoked(key, done, format))
  if (own > 0)
    tell(
      `${own} of the ${countText(key.grants, key)} grants are the command line's own: "${ownCommand()} logout" ends them`,
    )
  return done === null || !done.left
}

type RetireOptions = { kid: string; lost: boolean; format: Format }

/** `token-ledger keys retire` */
export function addRetire(keys: Command): void {
  keys
    .command('retire')
    .description('record that nothing needs this key any more, so that every process may start without it')
    .requiredOption('--kid <number>', 'its key id')
    .option('--lost', 'nobody has the key any more: retire it although client secrets are stored under it', false)
    .addOption(formatOption())
    .addHelpText('after', RETIRE_HELP)
    .action(async ({ kid, lost, format }: RetireOptions, command: Command) => {
      const number = kidOf(command, kid)
      const { connectKeys } = await import('../connect/keys.ts')
      await work(command, connectKeys, (source) => retire(source, { kid: number, lost, format }))
    })
}

const RETIRE_HELP = `
Appends KeyRetired. It is refused for the key that is first here, and while a grant or a client's secret needs the key. From
then on tokens of the key are refused everywhere like forged ones, and its kid is never used again. It may be repeated.
With --lost, clients whose secret is stored under the key cannot authenticate until each has a new one.
${WHERE}

Examples:
  ${ownCommand()} keys retire --kid 1

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
  if (kid < 1 || kid > 255) command.error('error: --kid must be a whole number from 1 to 255')
  return kid
}

type RewrapOptions = { lost: boolean; format: Format }

/** `token-ledger keys rewrap` */
export function addRewrap(keys: Command): void {
  keys
    .command('rewrap')
    .description('wrap the keys of persons under the current key, so that one of before can be retired')
    .option('--lost', 'nobody has the keys any more that are not here: give up the names wrapped under them', false)
    .addOption(formatOption())
    .addHelpText('after', REWRAP_HELP)
    .action(async ({ lost, format }: RewrapOptions, command: Command) => {
      await work(
        command,
        () => connectRewrap(lost),
        (source) => rewrap(source, format),
      )
    })
}

const REWRAP_HELP = `
While everything is served; may be stopped and repeated. First put the new key first in every process: one that still has
the old one first wraps new persons under that, and these are wrapped anew by the next pass. With --lost, people whose key
is lost read as unreadable until each is put again, and user names that were theirs may be given to others.
Asks the service at LEDGER_ADMIN_URL (with LEDGER_URL, LEDGER_CLIENT_ID, LEDGER_CLIENT_SECRET: an administrator) if that is
set, in dev mode the one that runs here. Else, and with --lost, it works on the database itself, with LEDGER_SECRETS_SYSTEM.

Examples:
  ${ownCommand()} keys rewrap
  ${ownCommand()} keys rewrap --format json

${EXIT_CODES}`

async function connectRewrap(lost: boolean): Promise<Connected<RewrapSource>> {
  const { rewrapOnHost, rewrapService } = await import('../connect/rewrap.ts')
  const service = lost ? null : await rewrapService(process.env)
  if (service) return { source: service, close: () => Promise.resolve() }
  const { closing } = await import('../../../shared/process/open-parts.ts')
  const { source, close } = await connectHost()
  return { source: await rewrapOnHost(source.parts, source.settings, lost).catch(closing({ close })), close }
}

async function rewrap(source: RewrapSource, format: Format): Promise<boolean> {
  const { rewrapAll } = await import('../connect/rewrap.ts')
  const { renderRewrapped } = await import('../render/keys.ts')
  const { createProgress } = await import('../render/progress.ts')
  const { update, stop } = createProgress(process.stderr)
  const told = await rewrapAll(source, update).finally(stop)
  await print(renderRewrapped(told, format))
  return told.left === 0 && !told.keeps_coming
}
