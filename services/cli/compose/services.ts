import type { SecretsNeed } from '../../../shared/config/load-settings.ts'
import type { Audience } from '../../../shared/http/app/audience.ts'
import type { HttpRouter } from '../../../shared/http/context.ts'
import type { Runtime } from '../../../shared/process/runtime.ts'
import { mountAdmin } from '../../admin/main.ts'
import { mountAudit } from '../../audit/main.ts'
import { mountTokenCheck } from '../../token-check/main.ts'
import { mountTokenEndpoint } from '../../token-endpoint/main.ts'
import type { ServiceName } from './service-names.ts'

export type Port = 'public' | 'admin'

type Mounted = { port: Port; audience: Audience; needs: SecretsNeed; mount(runtime: Runtime, router: HttpRouter): void }

/** `port: null`: it answers nobody over HTTP. `needs`: the secrets that it cannot work without. */
type Service = Mounted | { port: null; needs: SecretsNeed }

const TABLE = {
  'token-endpoint': { port: 'public', audience: 'machines', needs: 'system', mount: mountTokenEndpoint },
  'token-check': { port: 'public', audience: 'machines', needs: 'check', mount: mountTokenCheck },
  // It folds what it can read without any key.
  projector: { port: null, needs: 'none' },
  admin: { port: 'admin', audience: 'machines', needs: 'system', mount: mountAdmin },
  audit: { port: 'admin', audience: 'machines', needs: 'system', mount: mountAudit },
} satisfies Record<ServiceName, Service>

/** The services of these that answer on this port. */
export function servicesOn(port: Port, names: readonly ServiceName[]): Mounted[] {
  return names.map((name): Service => TABLE[name]).filter((service): service is Mounted => service.port === port)
}

/** The secrets that a process with these services needs. */
export function secretsFor(names: readonly ServiceName[]): SecretsNeed {
  const needs = names.map((name) => TABLE[name].needs)
  if (needs.includes('system')) return 'system'
  return needs.includes('check') ? 'check' : 'none'
}
