import type { Command } from 'commander'
import { ConfigError } from '../../shared/config/load-settings.ts'
import { FolderTaken } from '../../shared/database/folder-lock.ts'
import { errorOf } from '../../shared/http/render-errors.ts'
import { NotMigrated } from '../../shared/process/ledger-id.ts'
import { Unsound } from '../../shared/process/soundness.ts'

const USAGE = 2

/** Wrong usage of this command and of those made below it from now on ends with exit code 2; help with 0. */
export function exitOnWrongUsage(command: Command): Command {
  return command.exitOverride(({ exitCode, code }) => {
    process.exit(exitCode !== 0 && code.startsWith('commander.') ? USAGE : exitCode)
  })
}

/** Exit codes of every command: 1 a problem was found, 2 wrong usage, 3 a part could not be reached. */
export function exitCodeOf(error: unknown): number {
  return errorOf(error).status === 503 ? 3 : 1
}

/** One message for the operator; a stack only for what we did not foresee. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const foreseen = [ConfigError, FolderTaken, NotMigrated, Unsound].some((known) => error instanceof known)
  if (foreseen) return error.message
  if (exitCodeOf(error) === 3) return `cannot reach what the command needs: ${error.message || causeOf(error)}`
  return error.stack ?? error.message
}

// Node gives several refused addresses as one error without a message.
function causeOf(error: Error): string {
  return error instanceof AggregateError ? error.errors.map(String).join('; ') : error.name
}
