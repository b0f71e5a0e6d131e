import type { Settings } from '../../../shared/config/settings.ts'
import type { Audience } from '../../../shared/http/audience.ts'
import { createHttpApp, type HttpApp } from '../../../shared/http/create-app.ts'
import { listen } from '../../../shared/http/listen.ts'
import { type Health, healthRoutes } from '../../../shared/process/health.ts'
import { knownError } from '../../../shared/process/known-errors.ts'
import type { Lifecycle } from '../../../shared/process/lifecycle.ts'
import type { Runtime } from '../../../shared/process/runtime.ts'
import { dispatch } from './dispatch.ts'
import { type Port, type ServiceName, servicesOn } from './services.ts'

const CLOSE_MS = 6_000

const LOOPBACK = /^(127\.\d+\.\d+\.\d+|::1|localhost)$/

export type Opening = { names: readonly ServiceName[]; runtime: Runtime; lifecycle: Lifecycle; health: Health }

/** Listens on this port for those of the services that belong there, and gives its URL; `null` = none of them does. */
export async function openPort(port: Port, { names, runtime, lifecycle, health }: Opening): Promise<string | null> {
  const services = servicesOn(port, names)
  if (services.length === 0) return null
  const address = addressOf(port, runtime.settings)
  // An admin port on loopback is for the command line of this machine: nobody can listen in on the way.
  const exposed = port === 'public' || !LOOPBACK.test(address.host)
  const apps = { machines: appFor('machines', runtime, exposed), people: appFor('people', runtime, exposed) }
  healthRoutes(apps.machines.router, health)
  for (const { audience, mount } of services) mount(runtime, apps[audience].router)
  const listener = await listen(dispatch(apps), address)
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

function addressOf(port: Port, settings: Settings): { host: string; port: number } {
  return port === 'public'
    ? { host: settings.SERVE_PUBLIC_HOST, port: settings.SERVE_PUBLIC_PORT }
    : { host: settings.SERVE_ADMIN_HOST, port: settings.SERVE_ADMIN_PORT }
}
