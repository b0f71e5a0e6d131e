import { problemsFound } from '../../../shared/config/operator-error.ts'
import type { Settings } from '../../../shared/config/settings.ts'
import type { ServiceName } from './service-names.ts'
import { type Port, servicesOn } from './services.ts'

const LOOPBACK = /^(127\.\d+\.\d+\.\d+|::1|localhost)$/

/** An admin port on loopback is for the command line of this machine: nobody can listen in on the way. */
export function isExposed(port: Port, host: string): boolean {
  return port === 'public' || !LOOPBACK.test(host)
}

/**
 * Throws an OperatorError when a port could answer nobody: it refuses what came over plain HTTP, and trusts no proxy
 * that would say how it came.
 */
export function requireAnswerable(names: readonly ServiceName[], settings: Settings): void {
  const { REQUIRE_HTTPS, TRUSTED_PROXIES, SERVE_PUBLIC_HOST, SERVE_ADMIN_HOST } = settings
  if (!REQUIRE_HTTPS || TRUSTED_PROXIES.length > 0) return
  const hosts = { public: SERVE_PUBLIC_HOST, admin: SERVE_ADMIN_HOST }
  const ports = (['public', 'admin'] as const).filter(
    (port) => servicesOn(port, names).length > 0 && isExposed(port, hosts[port]),
  )
  if (ports.length === 0) return
  throw problemsFound('The configuration has problems:', [
    `LEDGER_REQUIRE_HTTPS needs LEDGER_TRUSTED_PROXIES, the proxies where TLS ends: the ${ports.join(' and the ')} port would refuse every request`,
  ])
}
