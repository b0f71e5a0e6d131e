import { randomBytes } from 'node:crypto'
import pino from 'pino'
import type { migrate } from '../../services/cli/compose/migrate.ts'
import type { loadSettings } from '../../shared/config/load-settings.ts'
import type { ledgerIdOf } from '../../shared/process/ledger-id.ts'
import type { openParts } from '../../shared/process/open-parts.ts'
import type { Runtime, runtimeOf } from '../../shared/process/runtime.ts'
import type { fillReadModel } from '../../shared/read-model/projection/rebuild.ts'
import type { createReadModel } from '../../shared/read-model/versions/build.ts'
import type { readModelInUse } from '../../shared/read-model/versions/read-models.ts'
import type { deriveKeys } from '../../shared/tokens/keys.ts'

/** A ledger opened by the compiled code of one release, in this process. */
export type Opened = {
  runtime: Runtime
  ledger_id: string
  createReadModel: typeof createReadModel
  fillReadModel: typeof fillReadModel
  close: () => Promise<unknown>
}

export const freshKey = (kid: number) => `${kid}:${randomBytes(32).toString('base64')}`

/** Migrates and opens a ledger with the compiled code in `root`, a checkout that was built. */
export async function openRelease(root: string, env: Record<string, string>): Promise<Opened> {
  const code = await codeOf(root)
  const settings = code.loadSettings({
    LEDGER_ISSUER: 'http://127.0.0.1:4444',
    LEDGER_REQUIRE_HTTPS: 'false',
    ...env,
  })
  const logger = pino({ level: 'error' }, process.stderr)
  const parts = await code.openParts(settings, logger)
  await code.migrate(parts, settings, logger)
  const ledger_id = await code.ledgerIdOf(parts.knex)
  const keys = code.deriveKeys(settings.SECRETS_SYSTEM ?? [], ledger_id)
  const read = { ...parts, schema: await code.readModelInUse(parts.knex) }
  const runtime = code.runtimeOf(read, settings, { keys, ledger_id }, logger)
  return { ...code, runtime, ledger_id, close: () => parts.close() }
}

async function codeOf(root: string) {
  const from = async <Module>(path: string) => (await import(`${root}/dist/${path}.js`)) as Module
  return {
    ...(await from<{ migrate: typeof migrate }>('services/cli/compose/migrate')),
    ...(await from<{ loadSettings: typeof loadSettings }>('shared/config/load-settings')),
    ...(await from<{ ledgerIdOf: typeof ledgerIdOf }>('shared/process/ledger-id')),
    ...(await from<{ openParts: typeof openParts }>('shared/process/open-parts')),
    ...(await from<{ runtimeOf: typeof runtimeOf }>('shared/process/runtime')),
    ...(await from<{ readModelInUse: typeof readModelInUse }>('shared/read-model/versions/read-models')),
    ...(await from<{ createReadModel: typeof createReadModel }>('shared/read-model/versions/build')),
    ...(await from<{ fillReadModel: typeof fillReadModel }>('shared/read-model/projection/rebuild')),
    ...(await from<{ deriveKeys: typeof deriveKeys }>('shared/tokens/keys')),
  }
}
