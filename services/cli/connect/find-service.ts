import { access, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { z } from 'zod'
import { loadSettings } from '../../../shared/config/load-settings.ts'
import { jsonIn } from '../../../shared/config/json-in.ts'
import { EXIT, OperatorError } from '../../../shared/config/operator-error.ts'
import { readNamedFile, systemReason } from '../../../shared/config/secret-file.ts'
import type { Settings } from '../../../shared/config/settings.ts'
import { createLogger } from '../../../shared/process/logger.ts'
import { deriveKeys } from '../../../shared/tokens/keys.ts'
import type { ConfiguredKeys } from '../../audit/status/status-source.ts'
import { cacheFolder } from './kept-tokens.ts'
import { type ServiceAccess, unreachable } from './service-access.ts'

const ACCESS = z.object({ url: z.url(), admin_url: z.url(), client_id: z.string(), client_secret: z.string() })
const DEMO = z.object({ demo_url: z.url() })

/**
 * The running service to ask: that of LEDGER_ADMIN_URL, in dev mode the one that runs here; `null` = there is none to
 * ask.
 */
export async function serviceAccess(env: NodeJS.ProcessEnv): Promise<ServiceAccess | null> {
  const named = accessFromEnv(env)
  if (named) return named
  const settings = loadSettings(env, 'none')
  return settings.dev ? accessFromFolder(settings.DATA_DIR) : null
}

/**
 * The service at LEDGER_ADMIN_URL, which asks for an administrator's rights; in dev mode the one that runs here, if one
 * does. `null` = none.
 */
export async function runningService(env: NodeJS.ProcessEnv): Promise<ServiceAccess | null> {
  if (env['LEDGER_ADMIN_URL']) return accessFromEnv(env)
  const { dev, DATA_DIR } = loadSettings(env, 'none')
  return dev ? serviceOfFolder(DATA_DIR) : null
}

/** The dev server that runs here, and its data folder; wrong usage where the settings name something else. */
export async function devAccess(env: NodeJS.ProcessEnv): Promise<{ folder: string; access: ServiceAccess }> {
  const other = OF_OTHERS.find((name) => env[name])
  if (other) throw new OperatorError(`this is for dev mode only, and ${other} is set`, { exitCode: EXIT.usage })
  const { DATA_DIR: folder } = loadSettings(env, 'none')
  return { folder, access: await accessFromFolder(folder) }
}

/** Where the demo's application of this data folder is. */
export async function demoUrl(folder: string): Promise<string> {
  const { data } = DEMO.safeParse(jsonIn(await readFile(join(folder, 'cli.json'), 'utf8')))
  if (data) return data.demo_url
  throw new OperatorError(`LEDGER_DATA_DIR: ${join(folder, 'cli.json')} is of another release: start "npm start" again`)
}

/** What names another service, or makes one that is no dev server. */
const OF_OTHERS = [
  'LEDGER_ADMIN_URL',
  'LEDGER_DATABASE_URL',
  'LEDGER_DATABASE_URL_FILE',
  'LEDGER_DATABASE_HOST',
  'LEDGER_KAFKA_BROKERS',
]

/** The service that `logout` leaves; wrong usage when none is named. */
export async function requireAccess(env: NodeJS.ProcessEnv): Promise<ServiceAccess> {
  const found = await serviceAccess(env)
  if (found) return found
  throw new OperatorError('no service is named: set LEDGER_ADMIN_URL', { exitCode: EXIT.usage })
}

/** The log of a command that ends: stderr belongs to what it tells, unless somebody asks for more. */
export function quietLogger(env: NodeJS.ProcessEnv, settings: Settings): Logger {
  return createLogger(env['LEDGER_LOG_LEVEL'] ? settings : { LOG_LEVEL: 'silent' })
}

/** The keys that these settings have, the current one first; `null` = they have no secrets at all. */
export function configuredKeys({ SECRETS_SYSTEM, SECRETS_CHECK }: Settings): ConfiguredKeys | null {
  if (SECRETS_SYSTEM)
    return { kids: SECRETS_SYSTEM.map(({ kid }) => kid), keysOf: (ledger_id) => deriveKeys(SECRETS_SYSTEM, ledger_id) }
  return SECRETS_CHECK ? { kids: SECRETS_CHECK.kids, keysOf: () => SECRETS_CHECK } : null
}

const SETTINGS = {
  url: 'LEDGER_URL',
  admin_url: 'LEDGER_ADMIN_URL',
  client: 'LEDGER_CLIENT_ID or LEDGER_CLIENT_SECRET',
}

function accessFromEnv(env: NodeJS.ProcessEnv): ServiceAccess | null {
  if (!env['LEDGER_ADMIN_URL']) return null
  const parsed = ACCESS.safeParse({
    url: env['LEDGER_URL'],
    admin_url: env['LEDGER_ADMIN_URL'],
    client_id: env['LEDGER_CLIENT_ID'],
    client_secret: secretFrom(env),
  })
  if (parsed.success) return { ...parsed.data, tokens_folder: cacheFolder(env), named: SETTINGS }
  const names = parsed.error.issues.map(({ path }) => `LEDGER_${String(path[0]).toUpperCase()}`)
  throw new OperatorError(
    `with LEDGER_ADMIN_URL these must be set as well, and be right: ${[...new Set(names)].join(', ')}`,
    { exitCode: EXIT.usage },
  )
}

function secretFrom({ LEDGER_CLIENT_SECRET: value, LEDGER_CLIENT_SECRET_FILE: file }: NodeJS.ProcessEnv) {
  const usage = { exitCode: EXIT.usage }
  if (!file) return value
  if (value) throw new OperatorError('LEDGER_CLIENT_SECRET and LEDGER_CLIENT_SECRET_FILE are both set', usage)
  const read = readNamedFile(file)
  if (read.problem) throw new OperatorError(`LEDGER_CLIENT_SECRET_FILE: ${read.problem}`, usage)
  return read.text
}

/** The dev server of this data folder, `null` where none has written down how to reach it, or it is gone. */
export async function serviceOfFolder(folder: string): Promise<ServiceAccess | null> {
  const there = await access(join(folder, 'cli.json')).then(
    () => true,
    () => false,
  )
  if (!there) return null
  const found = await accessFromFolder(folder)
  const answers = await fetch(`${found.admin_url}/health/alive`).then(
    ({ ok }) => ok,
    () => false,
  )
  return answers ? found : null
}

async function accessFromFolder(folder: string): Promise<ServiceAccess> {
  const file = join(folder, 'cli.json')
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    if (cause instanceof Error && 'code' in cause && (cause.code === 'ENOENT' || cause.code === 'ENOTDIR'))
      throw unreachable(`there is no ${file}: is the dev server running ("npm start")?`, cause)
    throw new OperatorError(`LEDGER_DATA_DIR: ${file} cannot be read: ${systemReason(cause)}`, { cause })
  })
  const parsed = ACCESS.safeParse(jsonIn(text))
  const named = { url: file, admin_url: file, client: file }
  if (parsed.success) return { ...parsed.data, tokens_folder: join(folder, 'tokens'), named }
  throw new OperatorError(`LEDGER_DATA_DIR: ${file} is not what "npm start" writes: stop it and start it again`)
}
