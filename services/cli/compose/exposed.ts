import { problemsFound } from '../../../shared/config/operator-error.ts'
import type { Settings } from '../../../shared/config/settings.ts'
import { readTlsFiles } from '../../../shared/config/tls-files.ts'
import type { ServiceName } from './service-names.ts'
import { type Port, PORTS, servicesOn } from './services.ts'

const LOOPBACK = /^(127\.\d+\.\d+\.\d+|::1|localhost)$/

/** An admin port on loopback is for the command line of this machine: nobody can listen in on the way. */
export function isExposed(port: Port, host: string): boolean {
  return port === 'public' || !LOOPBACK.test(host)
}

/** Whether TLS is spoken on this port: everywhere but on loopback, where a certificate would not fit the name. */
export function speaksTls(port: Port, { TLS_CERTIFICATE, ...settings }: Settings): boolean {
  return TLS_CERTIFICATE !== undefined && isExposed(port, hostOf(port, settings))
}

/**
 * Throws an OperatorError when a port could answer nobody: it refuses what came over plain HTTP, and neither has a
 * certificate that it can show nor trusts a proxy that would say how it came.
 */
export function requireAnswerable(names: readonly ServiceName[], settings: Settings): void {
  const { REQUIRE_HTTPS, TRUSTED_PROXIES, TLS_CERTIFICATE } = settings
  const ports = PORTS.filter((port) => servicesOn(port, names).length > 0 && isExposed(port, hostOf(port, settings)))
  if (ports.length === 0) return
  if (TLS_CERTIFICATE !== undefined) return void readTlsFiles(settings)
  if (!REQUIRE_HTTPS || TRUSTED_PROXIES.length > 0) return
  throw problemsFound('The configuration has problems:', [
    `LEDGER_REQUIRE_HTTPS needs LEDGER_TLS_CERTIFICATE, or LEDGER_TRUSTED_PROXIES, the proxies where TLS ends: the ${ports.join(' and the ')} port would refuse every request`,
  ])
}

function hostOf(port: Port, settings: Pick<Settings, 'SERVE_PUBLIC_HOST' | 'SERVE_ADMIN_HOST'>): string {
  return port === 'public' ? settings.SERVE_PUBLIC_HOST : settings.SERVE_ADMIN_HOST
}
