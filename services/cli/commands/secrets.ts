import { randomBytes } from 'node:crypto'
import { access, constants, link, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { OperatorError } from '../../../shared/config/operator-error.ts'
import { ownCommand } from '../../../shared/config/own-command.ts'
import { systemReason } from '../../../shared/config/secret-file.ts'
import { generateClientSecret } from '../../../shared/tokens/client-secret.ts'
import { EXIT_CODES, print } from './verb.ts'

/** `token-ledger secrets generate` */
export function addSecretsCommands(program: Command): void {
  const secrets = program.command('secrets').description('make a secret for a client or a database')
  addOutOptions(secrets.command('generate'))
    .description('make a secret of 256 random bits, for LEDGER_BOOTSTRAP_CLIENT_SECRET_FILE or a database')
    .addHelpText('after', `\nExample:\n  ${ownCommand()} secrets generate --out bootstrap.secret\n\n${EXIT_CODES}`)
    .action((options: OutOptions) => giveSecret(generateClientSecret(), options))
}

export type OutOptions = { out?: string; force: boolean }

/** Where a verb that makes a secret puts it. */
export function addOutOptions(command: Command): Command {
  return command
    .addOption(new Option('--out <file>', 'write it to this file, which only you can read, instead of printing it'))
    .option('--force', 'replace a file that exists', false)
}

/** Prints a secret, or writes it to a file as `writeSecret` does. */
export async function giveSecret(secret: string, { out, force }: OutOptions): Promise<void> {
  return out === undefined ? print(`${secret}\n`) : writeSecret(secret, { out, force })
}

/** OperatorError where a secret could not be written there, before there is one to be lost. */
export async function requirePlace({ out, force }: OutOptions): Promise<void> {
  if (out === undefined) return
  const isThere = await access(out).then(
    () => true,
    () => false,
  )
  if (isThere && !force) throw new OperatorError(`--out: ${out} exists: --force replaces it`)
  await access(dirname(resolve(out)), constants.W_OK).catch((cause: unknown) => {
    throw new OperatorError(`--out: ${out} cannot be written: ${systemReason(cause)}`, { cause })
  })
}

/** Writes a secret to a file with mode 0600: whole or not at all, and over no other without `--force`. */
export async function writeSecret(secret: string, { out, force }: Required<OutOptions>): Promise<void> {
  const draft = `${out}.${randomBytes(6).toString('hex')}`
  try {
    await writeFile(draft, `${secret}\n`, { mode: 0o600, flag: 'wx' })
    await (force ? rename(draft, out) : link(draft, out))
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'EEXIST')
      throw new OperatorError(`--out: ${out} exists: --force replaces it`, { cause })
    throw new OperatorError(`--out: ${out} cannot be written: ${systemReason(cause)}`, { cause })
  } finally {
    await rm(draft, { force: true })
  }
  process.stderr.write(`wrote ${out}, which only you can read\n`)
}
