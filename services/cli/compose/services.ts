import type { SecretsNeed } from '../../../shared/config/load-settings.ts'
import type { Audience } from '../../../shared/http/app/audience.ts'
import type { Settings } from '../../../shared/config/settings.ts'
import type { HttpRouter } from '../../../shared/http/context.ts'
import type { Operations } from '../../../shared/http/openapi/operation.ts'
import type { Runtime } from '../../../shared/process/runtime.ts'
import { mountAdmin } from '../../admin/main.ts'
import { ADMIN_OPERATIONS } from '../../admin/operations/operations.ts'
import { mountAudit } from '../../audit/main.ts'
import { AUDIT_OPERATIONS } from '../../audit/operations.ts'
import { mountAuthorize } from '../../authorize/main.ts'
import { AUTHORIZE_OPERATIONS } from '../../authorize/operations.ts'
import { mountTokenCheck } from '../../token-check/main.ts'
import { tokenCheckOperations } from '../../token-check/operations.ts'
import { crossOriginPaths } from '../../token-endpoint/app.ts'
import { mountTokenEndpoint } from '../../token-endpoint/main.ts'
import { tokenEndpointOperations } from '../../token-endpoint/operations.ts'
import type { ServiceName } from './service-names.ts'

export const PORTS = ['public', 'admin'] as const

export type Port = (typeof PORTS)[number]

/** What a process does with the log. `none`: it works from the read model alone, also while the log is away. */
export type LogUse = 'none' | 'reads' | 'appends'

/** `needs`: the secrets that it cannot work without. */
type Needs = { needs: SecretsNeed; log: LogUse }

/** A service and where it answers; all of a port tell of the process's health there. */
type Service = Needs & {
  port: Port
  audience: Audience
  mount(runtime: Runtime, router: HttpRouter): void
  /** Paths that pages of other origins may ask. */
  crossOrigin?(settings: Settings): readonly string[]
  /** What its routes take and answer: those of /openapi.json. */
  operations(settings: Settings): Operations
}

const TABLE = {
  'token-endpoint': {
    port: 'public',
    audience: 'machines',
    needs: 'system',
    log: 'appends',
    mount: mountTokenEndpoint,
    crossOrigin: ({ ISSUER }) => crossOriginPaths(ISSUER),
    operations: tokenEndpointOperations,
  },
  'token-check': {
    port: 'public',
    audience: 'machines',
    needs: 'check',
    log: 'none',
    mount: mountTokenCheck,
    operations: tokenCheckOperations,
  },
  // It opens the names of people, and has no routes: whoever runs it asks its port for its health.
  projector: {
    port: 'admin',
    audience: 'machines',
    needs: 'project',
    log: 'reads',
    mount: () => undefined,
    operations: () => ({}),
  },
  admin: {
    port: 'admin',
    audience: 'machines',
    needs: 'system',
    log: 'appends',
    mount: mountAdmin,
    operations: () => ADMIN_OPERATIONS,
  },
  audit: {
    port: 'admin',
    audience: 'machines',
    needs: 'system',
    log: 'reads',
    mount: mountAudit,
    operations: () => AUDIT_OPERATIONS,
  },
  // People log in here with passwords, and their browsers keep cookies of ours.
  authorize: {
    port: 'public',
    audience: 'people',
    needs: 'system',
    log: 'appends',
    mount: mountAuthorize,
    operations: () => AUTHORIZE_OPERATIONS,
  },
} satisfies Record<ServiceName, Service>

/** The services of these that answer on this port. */
export function servicesOn(port: Port, names: readonly ServiceName[]): Service[] {
  return names.map((name): Service => TABLE[name]).filter((service) => service.port === port)
}

/** The secrets that a process with these services needs. */
export function secretsFor(names: readonly ServiceName[]): SecretsNeed {
  const needs = names.map((name) => TABLE[name].needs)
  if (needs.includes('system')) return 'system'
  // What each is given alone is not enough for both.
  if (needs.includes('check') && needs.includes('project')) return 'system'
  return needs.includes('check') ? 'check' : needs.includes('project') ? 'project' : 'none'
}

/** What a process with these services does with the log. */
export function logUseOf(names: readonly ServiceName[]): LogUse {
  const uses = names.map((name) => TABLE[name].log)
  if (uses.includes('appends')) return 'appends'
  return uses.includes('reads') ? 'reads' : 'none'
}
