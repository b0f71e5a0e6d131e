import pino, { type Logger } from 'pino'
import type { Settings } from '../config/settings.ts'
import { humanLines } from './human-log.ts'

/** How an error is logged: one of PostgreSQL's without a stack, and by what it names. What it quotes was cut before. */
export const SERIALIZERS = { err: errorShown }

const OF_POSTGRES = ['code', 'severity', 'schema', 'table', 'column', 'constraint', 'routine'] as const

function errorShown(error: unknown): unknown {
  if (!(error instanceof Error) || !('severity' in error)) return pino.stdSerializers.err(error as Error)
  const fields = OF_POSTGRES.flatMap((name) => {
    const value: unknown = Reflect.get(error, name)
    return typeof value === 'string' ? [[name, value]] : []
  })
  return { type: error.name, message: error.message, ...Object.fromEntries(fields) }
}

/** Where a log goes: a terminal, or what is no terminal. */
export type LogOutput = { isTTY?: boolean; write(text: string): unknown }

/**
 * The log on stderr, so that stdout belongs to what a command prints: JSON lines, or short lines for a person where a
 * terminal is given.
 */
export function createLogger(
  { LOG_LEVEL }: Pick<Settings, 'LOG_LEVEL'>,
  output?: LogOutput,
  env: NodeJS.ProcessEnv = process.env,
): Logger {
  const options = { level: LOG_LEVEL, base: { pid: process.pid }, serializers: SERIALIZERS }
  if (output?.isTTY) return pino(options, humanLines(output, { colour: !env['NO_COLOR'] }))
  return pino(options, pino.destination({ fd: 2, sync: false }))
}
