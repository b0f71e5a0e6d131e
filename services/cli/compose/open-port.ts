import { OperatorError } from '../../../shared/config/operator-error.ts'
import type { Settings } from '../../../shared/config/settings.ts'
import type { Audience } from '../../../shared/http/app/audience.ts'
import { createHttpApp, type HttpApp } from '../../../shared/http/app/create-app.ts'
import { indexRoute } from '../../../shared/http/index-page.ts'
import { listen } from '../../../shared/http/listen.ts'
import { type Health, healthRoutes } from '../../../shared/process/soundness/health.ts'
import { knownError } from '../../../shared/process/known-errors.ts'
import type { Lifecycle } from '../../../shared/process/lifecycle.ts'
import type { Runtime } from '../../../shared/process/runtime.ts'
import { dispatch } from './dispatch.ts'
import { isExposed } from './exposed.ts'
import type { ServiceName } from './service-names.ts'
import { type Port, servicesOn } from './services.ts'

const CLOSE_MS = 6_000

export type Opening = { names: readonly ServiceName[]; runtime: Runtime; lifecycle: Lifecycle; health: Health }

/** Listens on this port for those of the services that belong there, and gives its URL; `null` = none of them does. */
export async function openPort(port: Port, { names, runtime, lifecycle, health }: Opening): Promise<string | null> {
  const services = servicesOn(port, names)
  if (services.length === 0) return null
  const address = addressOf(port, runtime.settings)
  const exposed = isExposed(port, address.host)
  const apps = { machines: appFor('machines', runtime, exposed), people: appFor('people', runtime, exposed) }
  healthRoutes(apps.machines.router, health)
  const { ISSUER: issuer, SERVICE_DOCUMENTATION: documentation } = runtime.settings
  if (port === 'public') indexRoute(apps.machines.router, { issuer, documentation, version: health.version })
  for (const { audience, mount } of services) mount(runtime, apps[audience].router)
  const listener = await listen(dispatch(apps), address).catch((cause: unknown) => notBound(port, address, cause))
  lifecycle.onStop(`port ${listener.port}`, () => listener.close(CLOSE_MS))
  return listener.url
}

function appFor(audience: Audience, { settings, logger }: Runtime, exposed: boolean): HttpApp {
  const { REQUIRE_HTTPS, TRUSTED_PROXIES: trustedProxies } = settings
  return createHttpApp({
    for: audience,
    logger,
    known: knownError,
    requireHttps: REQUIRE_HTTPS && exposed,
    trustedProxies,
  })
}

/** Node's own codes of what is wrong with the port; anything else is wrong with the host. */
const WRONG_PORT = ['EADDRINUSE', 'EACCES']

function notBound(port: Port, { host, port: number }: { host: string; port: number }, cause: unknown): never {
  if (!(cause instanceof Error && 'code' in cause)) throw cause
  const name = `LEDGER_SERVE_${port.toUpperCase()}_${WRONG_PORT.includes(String(cause.code)) ? 'PORT' : 'HOST'}`
  throw new OperatorError(`${name}: cannot listen on ${host}:${number}: ${reasonOf(cause)}`, { cause })
}

/** Without what Node puts around it: `listen EADDRINUSE: address already in use 127.0.0.1:4444`. */
function reasonOf({ message }: Error): string {
  return message.replace(/^(listen|bind) \w+: /, '').replace(/ [\d.:[\]a-f]+:\d+$/, '')
}

function addressOf(port: Port, settings: Settings): { host: string; port: number } {
  return port === 'public'
    ? { host: settings.SERVE_PUBLIC_HOST, port: settings.SERVE_PUBLIC_PORT }
    : { host: settings.SERVE_ADMIN_HOST, port: settings.SERVE_ADMIN_PORT }
}
