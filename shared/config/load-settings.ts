import { createPrivateKey, X509Certificate } from 'node:crypto'
import { isGraceLongEnough, shortestGrace } from '../ledger/grant/times.ts'
import { problemsFound } from './operator-error.ts'
import { ownCommand } from './own-command.ts'
import { darkAccent } from '../appearance/pages-settings.ts'
import { noWayIn } from './groups/provider-settings.ts'
import { readNamedFile } from './secret-file.ts'
import {
  CLIENT_VARIABLES,
  devDefaults,
  isSecret,
  PREFIX,
  SETTING_NAMES,
  type Settings,
  settingsSchema,
} from './settings.ts'
import { unknownNames } from './unknown-names.ts'

type Env = Record<string, string | undefined>
/** Settings as written, by name without the prefix. */
type Raw = Record<string, string>

/** Which secrets a process needs: all of them, those of token-check or of the projector, or none (migrate, audit). */
export type SecretsNeed = 'system' | 'check' | 'project' | 'none'

/**
 * Reads all LEDGER_ settings. Throws one OperatorError that lists every problem, also names that are no settings. No
 * value is shown but the paths of files.
 */
export function loadSettings(env: Env, need: SecretsNeed = 'system'): Settings {
  const { raw, problems, unread } = readRaw(env)
  const dev = !hasDatabase(raw) && raw['KAFKA_BROKERS'] === undefined
  const complete = dev ? { ...devDefaults(raw), ...raw } : raw
  const parsed = settingsSchema.safeParse(complete)
  problems.push(...unknownNames(env, knownNames()), ...contradictions(complete, dev), ...missingSecrets(raw, dev, need))
  if (!parsed.success)
    problems.push(
      ...parsed.error.issues
        .filter(({ path }) => !unread.has(String(path[0])))
        .map(({ path, message }) => `${PREFIX}${String(path[0])} ${message}`),
    )
  else
    problems.push(
      ...strangeKey(parsed.data),
      ...shortGraces(parsed.data),
      ...darkAccent(parsed.data),
      ...noWayIn(parsed.data),
    )
  if (problems.length > 0 || !parsed.success) throw problemsFound('The configuration has problems:', problems)
  return { ...parsed.data, dev }
}

function knownNames(): string[] {
  const settings = SETTING_NAMES.flatMap((name) => (isSecret(name) ? [name, `${name}_FILE`] : [name]))
  return [...settings, ...Object.keys(CLIENT_VARIABLES)].map((name) => PREFIX + name)
}

/**
 * An empty variable counts as unset: that is what compose files and CI make of an absent one. What stands in a file
 * that cannot be read is set, and `unread`: that makes one problem, and no further ones.
 */
function readRaw(env: Env): { raw: Raw; problems: string[]; unread: Set<string> } {
  const raw: Raw = {}
  const problems: string[] = []
  const unread = new Set<string>()
  for (const name of SETTING_NAMES) {
    const value = env[PREFIX + name]
    const file = isSecret(name) ? env[`${PREFIX}${name}_FILE`] : undefined
    if (value && file) problems.push(`${PREFIX}${name} and ${PREFIX}${name}_FILE are both set`)
    const read = file ? readNamedFile(file) : null
    if (read?.problem) {
      problems.push(`${PREFIX}${name}_FILE: ${read.problem}`)
      unread.add(name)
    }
    const text = read ? (read.text ?? UNREAD) : value
    if (text) raw[name] = text
  }
  return { raw, problems, unread }
}

/** In place of a text that is not known. */
const UNREAD = 'unread'

function hasDatabase(raw: Partial<Raw>): boolean {
  return raw['DATABASE_URL'] !== undefined || raw['DATABASE_HOST'] !== undefined
}

const DATABASE_PARTS = ['DATABASE_HOST', 'DATABASE_PORT', 'DATABASE_NAME', 'DATABASE_USER', 'DATABASE_PASSWORD']

/** One way to say where the database is, and the whole of it. */
function databaseProblems(raw: Partial<Raw>): string[] {
  const parts = DATABASE_PARTS.filter((name) => raw[name])
  if (raw['DATABASE_URL'])
    return parts.map(
      (name) => `${PREFIX}DATABASE_URL and ${PREFIX}${name} are both set: one says where the database is`,
    )
  if (parts.length === 0) return []
  return ['DATABASE_HOST', 'DATABASE_NAME', 'DATABASE_USER']
    .filter((name) => !raw[name])
    .map((name) => `${PREFIX}${name} is missing beside ${parts.map((part) => PREFIX + part).join(', ')}`)
}

function contradictions(raw: Partial<Raw>, dev: boolean): string[] {
  const problems = databaseProblems(raw)
  if (raw['KAFKA_BROKERS'] && !hasDatabase(raw))
    problems.push(
      `${PREFIX}KAFKA_BROKERS needs ${PREFIX}DATABASE_URL or ${PREFIX}DATABASE_HOST: the read model is in PostgreSQL`,
    )
  if (raw['KAFKA_SSL_CERTIFICATE'] && (raw['KAFKA_SSL'] ?? 'false') === 'false')
    problems.push(`${PREFIX}KAFKA_SSL_CERTIFICATE needs ${PREFIX}KAFKA_SSL: without TLS nobody is shown a certificate`)
  if (raw['ISSUER']?.startsWith('http:') && raw['REQUIRE_HTTPS'] !== 'false')
    problems.push(`${PREFIX}ISSUER must begin with https: unless ${PREFIX}REQUIRE_HTTPS is false`)
  for (const name of dev ? ['SERVE_PUBLIC_HOST', 'SERVE_ADMIN_HOST'] : [])
    if (!/^(127\.\d+\.\d+\.\d+|::1|localhost)$/.test(raw[name] ?? 'localhost'))
      problems.push(`${PREFIX}${name} must be a loopback address in dev mode (set ${PREFIX}DATABASE_URL to leave it)`)
  if (raw['BOOTSTRAP_CLIENT_ID'] && !raw['SECRETS_SYSTEM'] && !dev)
    problems.push(`${PREFIX}BOOTSTRAP_CLIENT_ID needs ${PREFIX}SECRETS_SYSTEM: the secret is stored under its pepper`)
  return [
    ...problems,
    ...allOrNone(raw, ['KAFKA_SSL_CERTIFICATE', 'KAFKA_SSL_KEY']),
    ...allOrNone(raw, ['TLS_CERTIFICATE', 'TLS_KEY']),
    ...allOrNone(raw, ['KAFKA_SASL_MECHANISM', 'KAFKA_SASL_USERNAME', 'KAFKA_SASL_PASSWORD']),
    ...allOrNone(raw, ['BOOTSTRAP_CLIENT_ID', 'BOOTSTRAP_CLIENT_SECRET']),
    ...allOrNone(raw, ['NOTIFY_URL', 'NOTIFY_SECRET']),
  ]
}

function shortGraces(settings: Omit<Settings, 'dev'>): string[] {
  const { APPEND_TIMEOUT: timeout } = settings
  return (['REFRESH_GRACE_CONFIDENTIAL', 'REFRESH_GRACE_PUBLIC'] as const).flatMap((name) =>
    isGraceLongEnough(settings[name], timeout)
      ? []
      : [`${PREFIX}${name} must be 0, or ${shortestGrace(timeout)} or more: above ${PREFIX}APPEND_TIMEOUT + 1 s`],
  )
}

function strangeKey({ KAFKA_SSL_CERTIFICATE: certificate, KAFKA_SSL_KEY: key }: Omit<Settings, 'dev'>): string[] {
  if (!certificate || !key || new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key))) return []
  return [`${PREFIX}KAFKA_SSL_KEY is not the key of the certificate in ${PREFIX}KAFKA_SSL_CERTIFICATE`]
}

function allOrNone(raw: Partial<Raw>, names: string[]): string[] {
  const missing = names.filter((name) => !raw[name])
  if (missing.length === 0 || missing.length === names.length) return []
  return missing.map(
    (name) =>
      `${PREFIX}${name} is missing beside ${names
        .filter((other) => raw[other])
        .map((other) => PREFIX + other)
        .join(', ')}`,
  )
}

function missingSecrets(raw: Raw, dev: boolean, need: SecretsNeed): string[] {
  if (dev || need === 'none' || raw['SECRETS_SYSTEM']) return []
  if (need === 'system') return [`${PREFIX}SECRETS_SYSTEM is required ("${ownCommand()} keys generate" makes one)`]
  const own = need === 'check' ? 'SECRETS_CHECK' : 'SECRETS_PROJECT'
  return raw[own] ? [] : [`${PREFIX}${own} or ${PREFIX}SECRETS_SYSTEM is required`]
}
