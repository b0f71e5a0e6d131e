import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type Command, Option } from 'commander'
import { LogReadError } from '../../../shared/event-log/event-log.ts'
import { WrongUsage } from '../../../shared/process/operator-error.ts'
import { ProjectorRuns } from '../../../shared/read-model/projection/rebuild.ts'
import { type Connected, ServiceRefused } from '../connect/service-access.ts'
import { FORMATS } from '../render/table.ts'

const PROBLEM = 1

/** The option that every audit and projection verb has. */
export function formatOption(): Option {
  return new Option('--format <format>', 'how to print').choices(FORMATS).default('table')
}

/**
 * Connects, does the work, closes; what we foresaw becomes one line on stderr. The work answers whether all is well: exit code 0, else
 * 1. Whatever else is thrown is left to the caller: exit code 3 when a part cannot be reached.
 */
export async function work<Source>(
  command: Command,
  connect: () => Promise<Connected<Source>>,
  body: (source: Source) => Promise<boolean>,
): Promise<void> {
  try {
    const connected = await connect()
    const well = await body(connected.source).finally(() => connected.close())
    if (!well) process.exitCode = PROBLEM
  } catch (error) {
    if (error instanceof WrongUsage) command.error(`error: ${error.message}`)
    if (!isForeseen(error)) throw error
    process.stderr.write(`error: ${error.message}\n`)
    process.exitCode = PROBLEM
  }
}

function isForeseen(error: unknown): error is Error {
  if (error instanceof LogReadError) return error.reason === 'out_of_range'
  return error instanceof ServiceRefused || error instanceof ProjectorRuns
}

/** Prints text as fast as the reader takes it. One who stops reading (`| head`) ends it without an error. */
export async function print(text: AsyncIterable<string> | string): Promise<void> {
  try {
    await pipeline(Readable.from(typeof text === 'string' ? [text] : text), process.stdout, { end: false })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EPIPE')) throw error
  }
}

/** Whether stdout wants colours. */
export function wantsColour(): boolean {
  return process.stdout.isTTY && !process.env['NO_COLOR']
}

export const WHERE =
  'Asks the service at LEDGER_ADMIN_URL (with LEDGER_URL, LEDGER_CLIENT_ID, LEDGER_CLIENT_SECRET) if that is set, in dev\n' +
  'mode the one that runs here, else the log and the database themselves.'

export const EXIT_CODES =
  'Exit codes: 0 all is well, 1 a difference or a problem was found, 2 wrong usage, 3 a part cannot be reached.'
