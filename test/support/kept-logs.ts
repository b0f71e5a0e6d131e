import { appendFileSync, mkdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import test from 'ava'
import pino, { type Logger } from 'pino'
import { SERIALIZERS } from '../../shared/process/logger.ts'
import { LOGS, SEEDED } from './scan-logs.ts'

/** Shorter ones are words that stand anywhere. */
const MIN_SEEDED = 6

/** Settings whose values nobody may read in a log; those that end in _FILE are paths. */
const SECRET_SETTING = /(SECRET|PASSWORD|SECRETS_SYSTEM|SECRETS_CHECK)$/

/**
 * Keeps what something logs for as long as the run lasts: `npm test` then looks for secrets and names in all of it.
 * `who` names the file of it.
 */
export function keepLog(who: string): (text: string | Buffer) => void {
  const folder = folderOfFile()
  if (folder === null) return () => undefined
  const file = join(folder, `${who.replaceAll(/[^\w.-]+/g, '-')}.log`)
  return (text) => appendFileSync(file, text)
}

/** The logger of what runs within a test and whose lines nobody else reads. */
export function keptLogger(who: string): Logger {
  return pino({ level: 'debug', serializers: SERIALIZERS }, { write: keepLog(who) })
}

/** Remembers secrets and names that a test put somewhere: they may stand in no log. */
export function seeded(...texts: (string | null | undefined)[]): void {
  const folder = folderOfFile()
  const lines = texts.filter((text) => text && text.length >= MIN_SEEDED).map((text) => `${JSON.stringify(text)}\n`)
  if (folder !== null) appendFileSync(join(folder, SEEDED), lines.join(''))
}

/** The same for the settings of a process, with LEDGER_ or without: several keys stand in one. */
export function seededSettings(env: Record<string, string | undefined>): void {
  const values = Object.entries(env).flatMap(([name, value]) => (SECRET_SETTING.test(name) ? [value] : []))
  seeded(...values.flatMap((value) => value?.split(',').map((key) => key.replace(/^\d+:/, ''))))
}

/** One for each test file: its logs are searched for what it seeded itself. */
function folderOfFile(): string | null {
  const scratch = process.env['TEST_SCRATCH']
  if (!scratch) return null
  const folder = join(scratch, LOGS, `${basename(test.meta.file, '.ts')}-${process.pid}`)
  mkdirSync(folder, { recursive: true })
  return folder
}
