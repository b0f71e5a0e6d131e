import type { Command } from 'commander'
import { EXIT, OperatorError } from '../../shared/config/operator-error.ts'
import { isOutage } from '../../shared/process/known-errors.ts'

/** Wrong usage of this command and of those made below it from now on ends with exit code 2; help with 0. */
export function exitOnWrongUsage(command: Command): Command {
  return command.exitOverride(({ exitCode, code }) => {
    process.exit(exitCode !== 0 && code.startsWith('commander.') ? EXIT.usage : exitCode)
  })
}

/** Exit codes of every command: 1 a problem was found, 2 wrong usage, 3 a part could not be reached. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof OperatorError) return error.exitCode
  return isOutage(error) ? EXIT.unreachable : EXIT.problem
}

/** One message for the operator; a stack only for what we did not foresee. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (exitCodeOf(error) === EXIT.unreachable)
    return `cannot reach what the command needs: ${error.message || causeOf(error)}`
  return error instanceof OperatorError ? error.message : (error.stack ?? error.message)
}

// Node gives several refused addresses as one error without a message.
function causeOf(error: Error): string {
  return error instanceof AggregateError ? error.errors.map(String).join('; ') : error.name
}
