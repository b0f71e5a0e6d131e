import type { RegistryEntity } from '../../../shared/ledger/registry/state.ts'

/** An entity as its JSON: what a PUT would take, with its name. Never what stands in for a client's secret. */
export function shown({ kind, value }: RegistryEntity): Record<string, unknown> {
  if (value === null) return {}
  // JSON leaves out what is undefined.
  if (kind === 'client') return { ...value, secret: undefined }
  if (kind !== 'user') return { ...value }
  const { personal, ...account } = value
  return { ...account, ...personal }
}
