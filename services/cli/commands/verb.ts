import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type Command, Option } from 'commander'
import { EXIT, OperatorError } from '../../../shared/config/operator-error.ts'
import type { Settings } from '../../../shared/config/settings.ts'
import { LogReadError } from '../../../shared/event-log/event-log.ts'
import { hasUnstorableText } from '../../../shared/ledger/storable-text.ts'
import type { Parts } from '../../../shared/process/open-parts.ts'
import type { Connected, ServiceAccess } from '../connect/service-access.ts'
import { FORMATS, type Look, NARROW, type Text } from '../render/formats.ts'

/** The option of every verb that prints data. */
export function formatOption(): Option {
  return new Option('--format <format>', 'how to print').choices(FORMATS).default('table')
}

/**
 * Connects, does the work, closes. The work answers whether all is well: exit code 0, else 1; a problem that it foresaw
 * becomes one line on stderr. Whatever else is thrown is left to the caller: exit code 3 when a part cannot be reached.
 */
export async function work<Source>(
  command: Command,
  connect: () => Promise<Connected<Source>>,
  body: (source: Source) => Promise<boolean>,
): Promise<void> {
  const connected = await connect().catch((error: unknown) => endOnWrongUsage(command, error))
  try {
    const well = await body(connected.source).finally(() => connected.close())
    if (!well) process.exitCode = EXIT.problem
  } catch (error) {
    if (!isProblem(error)) throw error
    process.stderr.write(`error: ${error.message}\n`)
    process.exitCode = EXIT.problem
  }
}

/** Wrong usage found in the environment ends as one found on the command line does: with the help below it. */
function endOnWrongUsage(command: Command, error: unknown): never {
  if (error instanceof OperatorError && error.exitCode === EXIT.usage) command.error(`error: ${error.message}`)
  throw error
}

function isProblem(error: unknown): error is Error {
  if (error instanceof LogReadError) return error.reason === 'out_of_range'
  return error instanceof OperatorError && error.exitCode === EXIT.problem
}

/** Prints text as fast as the reader takes it. One who stops reading (`| head`) ends it without an error. */
export async function print(text: Text): Promise<void> {
  try {
    await pipeline(Readable.from(typeof text === 'string' ? [text] : text), process.stdout, { end: false })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EPIPE')) throw error
  }
}

/** The option of verbs that print tables: ids, times and problems whole. */
export function wideOption(): Option {
  return new Option('--wide', 'tables as wide as they are, with whole ids and times').default(false)
}

/** How tables look: as wide as the terminal, 80 columns at least and elsewhere; in colour on a terminal only. */
export function lookOf({ wide }: { wide: boolean }): Look {
  const { isTTY, columns } = process.stdout
  const width = isTTY ? Math.max(columns, NARROW) : NARROW
  return { width: wide ? null : width, colour: isTTY && !process.env['NO_COLOR'] }
}

const MAX_REASON = 1_000

/** The text of `--reason`, as it goes into the log; anything else ends the command as wrong usage. */
export function reasonFrom(command: Command, text: string): string {
  const reason = text.trim()
  if (reason === '' || reason.length > MAX_REASON || hasUnstorableText(reason))
    command.error(`error: --reason must be text of 1 to ${MAX_REASON} characters`)
  return reason
}

export const WHERE =
  'Asks the service at LEDGER_ADMIN_URL (with LEDGER_URL, LEDGER_CLIENT_ID, LEDGER_CLIENT_SECRET) if that is set, in dev\n' +
  'mode the one that runs here, else the log and the database themselves.'

export const EXIT_CODES =
  'Exit codes: 0 all is well, 1 a difference or a problem was found, 2 wrong usage, 3 a part cannot be reached.'

/** The log and the database themselves, with the keys: what runs on the host. */
export async function connectHost(): Promise<Connected<{ parts: Parts; settings: Settings }>> {
  const { loadSettings } = await import('../../../shared/config/load-settings.ts')
  const { openExisting } = await import('../../../shared/process/open-parts.ts')
  const { quietLogger } = await import('../connect/find-service.ts')
  const { devSecrets } = await import('../dev/dev-secrets.ts')
  const given = loadSettings(process.env, 'none')
  const parts = await openExisting(given, quietLogger(process.env, given))
  const isOwn = given.dev && !given.SECRETS_SYSTEM
  const settings = isOwn ? { ...given, SECRETS_SYSTEM: (await devSecrets(given.DATA_DIR)).system } : given
  return { source: { parts, settings }, close: () => parts.close() }
}

/** The admin port of a service that runs. */
export async function connectService(): Promise<Connected<ServiceAccess>> {
  const { requireAccess } = await import('../connect/find-service.ts')
  return { source: await requireAccess(process.env), close: () => Promise.resolve() }
}
