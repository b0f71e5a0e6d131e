import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { loadSettings } from '../../../shared/config/load-settings.ts'
import { EXIT, OperatorError } from '../../../shared/config/operator-error.ts'
import type { Settings } from '../../../shared/config/settings.ts'
import { type ServiceAccess, unreachable } from './service-access.ts'

const ACCESS = z.object({ url: z.url(), admin_url: z.url(), client_id: z.string(), client_secret: z.string() })

/**
 * The running service to ask: that of LEDGER_ADMIN_URL, in dev mode the one that runs here; `null` = there is none to
 * ask.
 */
export async function serviceAccess(env: NodeJS.ProcessEnv): Promise<ServiceAccess | null> {
  const access = accessFromEnv(env)
  if (access) return access
  const settings = loadSettings(env, 'none')
  return settings.dev ? accessFromFolder(settings.DATA_DIR) : null
}

/** The kids that these settings have a key for, the current one first; `null` = they have no secrets at all. */
export function configuredKids({ SECRETS_SYSTEM, SECRETS_CHECK }: Settings): readonly number[] | null {
  return SECRETS_SYSTEM?.map(({ kid }) => kid) ?? SECRETS_CHECK?.kids ?? null
}

function accessFromEnv(env: NodeJS.ProcessEnv): ServiceAccess | null {
  if (!env['LEDGER_ADMIN_URL']) return null
  const parsed = ACCESS.safeParse({
    url: env['LEDGER_URL'],
    admin_url: env['LEDGER_ADMIN_URL'],
    client_id: env['LEDGER_CLIENT_ID'],
    client_secret: env['LEDGER_CLIENT_SECRET'],
  })
  if (parsed.success) return parsed.data
  const names = parsed.error.issues.map(({ path }) => `LEDGER_${String(path[0]).toUpperCase()}`)
  throw new OperatorError(
    `with LEDGER_ADMIN_URL these must be set as well, and be right: ${[...new Set(names)].join(', ')}`,
    { exitCode: EXIT.usage },
  )
}

async function accessFromFolder(folder: string): Promise<ServiceAccess> {
  const file = join(folder, 'cli.json')
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw unreachable(`there is no ${file}: is the dev server running ("npm start")?`, cause)
  })
  return ACCESS.parse(JSON.parse(text))
}
