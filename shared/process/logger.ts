import pino, { type Logger } from 'pino'
import type { Settings } from '../config/settings.ts'

/** JSON lines on stderr, so that stdout belongs to what a command prints. */
export function createLogger({ LOG_LEVEL }: Pick<Settings, 'LOG_LEVEL'>): Logger {
  return pino({ level: LOG_LEVEL, base: { pid: process.pid } }, pino.destination({ fd: 2, sync: false }))
}
