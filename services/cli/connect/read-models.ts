import { loadSettings } from '../../../shared/config/load-settings.ts'
import type { ReadModelList, ReadModels, Switched } from '../../admin/projection/read-models.ts'
import { quietLogger, serviceOfFolder } from './find-service.ts'
import { type Connected, jsonOf, type ServiceAccess, serviceRequests } from './service-access.ts'

/**
 * The read models of the database that the settings of `migrate` name; in dev mode those of the service that runs here,
 * because its database takes one process.
 */
export async function connectReadModels(env: NodeJS.ProcessEnv = process.env): Promise<Connected<ReadModels>> {
  const settings = loadSettings(env, 'none')
  const access = settings.dev ? await serviceOfFolder(settings.DATA_DIR) : null
  if (access) return { source: remoteReadModels(access), close: () => Promise.resolve() }
  const { openExisting } = await import('../../../shared/process/open-parts.ts')
  const { createReadModels } = await import('../../admin/projection/read-models.ts')
  const parts = await openExisting(settings, quietLogger(env, settings))
  return { source: createReadModels(parts, settings), close: () => parts.close() }
}

function remoteReadModels(access: ServiceAccess): ReadModels {
  const request = serviceRequests(access, 'ledger.admin')
  const post = (verb: string, body: unknown) => request(`/admin/read-models/${verb}`, { method: 'POST', body })
  return {
    list: async () => jsonOf<ReadModelList>(await request('/admin/read-models')),
    rebuild: async () => jsonOf<{ read_model: string }>(await post('rebuild', {})),
    switchTo: async (read_model) => jsonOf<Switched>(await post('switch', { read_model })),
    drop: async (read_model) => void (await jsonOf(await post('drop', { read_model }))),
  }
}
