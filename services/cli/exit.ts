import type { Command } from 'commander'
import { EXIT, OperatorError } from '../../shared/config/operator-error.ts'
import { AppendError, LogReadError } from '../../shared/event-log/event-log.ts'
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
export function explain(error: unknown, env: NodeJS.ProcessEnv = process.env): string {
  if (!(error instanceof Error)) return String(error)
  if (error instanceof OperatorError) return error.message
  if (exitCodeOf(error) !== EXIT.unreachable) return error.stack ?? error.message
  return `cannot reach ${whatIsAway(error, env)}: ${reasonOf(error).replaceAll(/\s*\n\s*/g, ' ')}`
}

/** Which setting names what does not answer, and where that is; never who goes there, and with which password. */
function whatIsAway(error: Error, env: NodeJS.ProcessEnv): string {
  const { LEDGER_KAFKA_BROKERS: brokers, LEDGER_DATABASE_URL: url = '', LEDGER_DATABASE_HOST: host } = env
  const isLog = error instanceof LogReadError || error instanceof AppendError
  if (brokers && isLog) return `LEDGER_KAFKA_BROKERS (${brokers})`
  if (host) return `LEDGER_DATABASE_HOST (${host}:${env['LEDGER_DATABASE_PORT'] || '5432'})`
  return URL.canParse(url) ? `LEDGER_DATABASE_URL (${new URL(url).host})` : 'the database of LEDGER_DATABASE_URL'
}

/** What happened, and what the part itself said of it where that is something else. */
function reasonOf(error: Error): string {
  // Node gives several refused addresses as one error without a message.
  const own = error.message || (error instanceof AggregateError ? error.errors.map(String).join('; ') : error.name)
  if (!(error.cause instanceof Error)) return own
  const cause = reasonOf(error.cause)
  return own.includes(cause) ? own : `${own}: ${cause}`
}
