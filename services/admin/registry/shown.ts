import type { RegistryEntity } from '../../../shared/ledger/registry/state.ts'
import { knownMembers } from '../../../shared/read-model/registry-rows.ts'

/**
 * An entity as its JSON: what a PUT would take, with its name. Never what stands in for a client's secret, nor what
 * only a later release knows.
 */
export function shown({ kind, value }: RegistryEntity): Record<string, unknown> {
  if (value === null || kind === 'ledger') return {}
  // JSON leaves out what is undefined.
  return { ...knownMembers(kind, value), secret: undefined }
}
