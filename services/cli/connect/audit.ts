import { loadSettings } from '../../../shared/config/load-settings.ts'
import type { Audit } from '../../audit/audit.ts'
import type { AuditSource } from '../../audit/status/status-source.ts'
import { configuredKeys, quietLogger, serviceAccess } from './find-service.ts'
import { remoteAudit } from './remote-audit.ts'
import type { Connected } from './service-access.ts'

/**
 * What the audit verbs ask: the service at LEDGER_ADMIN_URL; in dev mode the one that runs here, because its database
 * takes one process; else the log and the read model themselves.
 */
export async function connectAudit(env: NodeJS.ProcessEnv = process.env): Promise<Connected<Audit>> {
  const access = await serviceAccess(env)
  if (access) return { source: remoteAudit(access), close: () => Promise.resolve() }
  const { createAudit } = await import('../../audit/audit.ts')
  const parts = await connectParts(env)
  return { ...parts, source: createAudit(parts.source) }
}

/** The log and the read model themselves; in dev mode only while no service runs. */
export async function connectParts(
  env: NodeJS.ProcessEnv = process.env,
): Promise<Connected<AuditSource & { issuer: string }>> {
  const settings = loadSettings(env, 'none')
  const { closing, openExisting } = await import('../../../shared/process/open-parts.ts')
  const { peopleOf } = await import('../../../shared/process/soundness/held-people.ts')
  const { readModelInUse } = await import('../../../shared/read-model/versions/read-models.ts')
  const parts = await openExisting(settings, quietLogger(env, settings))
  const configured = configuredKeys(settings)
  const source = {
    ...parts,
    issuer: settings.ISSUER,
    schema: await readModelInUse(parts.knex, settings.READ_MODEL).catch(closing(parts)),
    maxLagMs: settings.MAX_LAG * 1000,
    configured,
    people: await peopleOf(parts.knex, settings).catch(closing(parts)),
  }
  return { source, close: () => parts.close() }
}
