import type { RequestListener } from 'node:http'
import { OperatorError } from '../../../shared/config/operator-error.ts'
import type { Settings } from '../../../shared/config/settings.ts'
import type { Audience } from '../../../shared/http/app/audience.ts'
import { createHttpApp, type HttpApp } from '../../../shared/http/app/create-app.ts'
import type { HttpRouter } from '../../../shared/http/context.ts'
import { indexRoute } from '../../../shared/http/index-page.ts'
import { belowIssuer } from '../../../shared/http/issuer-paths.ts'
import { listen } from '../../../shared/http/listen.ts'
import type { About } from '../../../shared/http/openapi/document.ts'
import { docsRoutes } from '../../../shared/http/openapi/docs-page.ts'
import { openApiRoute } from '../../../shared/http/openapi/openapi-route.ts'
import { OWN_OPERATIONS } from '../../../shared/http/openapi/own-operations.ts'
import { openCertificate } from '../../../shared/process/certificate.ts'
import { type Health, healthRoutes } from '../../../shared/process/soundness/health.ts'
import { HEALTH_OPERATIONS } from '../../../shared/process/soundness/health-operations.ts'
import { knownError } from '../../../shared/process/known-errors.ts'
import type { Lifecycle } from '../../../shared/process/lifecycle.ts'
import { assetRoutes } from '../../../shared/pages/assets.ts'
import { errorPageOf } from '../../../shared/pages/error-page.tsx'
import { createSite } from '../../../shared/pages/site.ts'
import type { ErrorPage } from '../../../shared/http/app/render-errors.ts'
import type { Operations } from '../../../shared/http/openapi/operation.ts'
import type { Runtime } from '../../../shared/process/runtime.ts'
import { dispatch } from './dispatch.ts'
import { isExposed, speaksTls } from './exposed.ts'
import type { ServiceName } from './service-names.ts'
import { type Port, PORTS, servicesOn } from './services.ts'

const CLOSE_MS = 6_000

/** What answers on each port that one of the services is on. */
export type Faces = Partial<Record<Port, RequestListener>>

/** The answers of these services, from one runtime. */
export function facesOf(names: readonly ServiceName[], runtime: Runtime, health: Health): Faces {
  const faces: Faces = {}
  for (const port of PORTS) {
    const services = servicesOn(port, names)
    if (services.length > 0) faces[port] = faceOf(port, services, runtime, health)
  }
  return faces
}

function faceOf(
  port: Port,
  services: ReturnType<typeof servicesOn>,
  runtime: Runtime,
  health: Health,
): RequestListener {
  const exposed = isExposed(port, addressOf(port, runtime.settings).host)
  const open = services.flatMap(({ crossOrigin }) => crossOrigin?.(runtime.settings) ?? [])
  const { site, assets } = createSite(runtime.settings)
  const machines = appFor('machines', runtime, { exposed, open })
  const errorPage = errorPageOf(site)
  const apps = { machines, people: appFor('people', runtime, { exposed, errorPage, beside: machines.router }) }
  if (services.some(({ audience }) => audience === 'people')) assetRoutes(apps.people.router, assets)
  const { ISSUER: issuer, SERVICE_DOCUMENTATION: documentation } = runtime.settings
  for (const { audience, mount } of services) mount(runtime, apps[audience].router)
  healthRoutes(apps.machines.router, health)
  if (port === 'public') indexRoute(apps.machines.router, { issuer, documentation, version: health.version })
  const described = services.map(({ operations }) => operations(runtime.settings))
  const operations = Object.assign({}, OWN_OPERATIONS, HEALTH_OPERATIONS, ...described) as Operations
  const about = aboutOf(port, issuer, health.version)
  docsRoutes(apps.machines.router, about.title)
  openApiRoute([apps.machines.router, apps.people.router], about, operations)
  const answer = dispatch(apps).callback()
  if (port !== 'public') return answer
  return (request, response) => {
    request.url = belowIssuer(issuer, request.url ?? '')
    answer(request, response)
  }
}

/** What the description of a port says of itself. */
function aboutOf(port: Port, issuer: string, version: string): About {
  const title = `token-ledger, ${port} port`
  return { title, version, description: DESCRIPTION, ...(port === 'public' && { server: issuer }) }
}

const DESCRIPTION = `Every route that this process has on this port. Errors are JSON, \`error\` and \`error_description\`, with the
words of RFC 6749, 6750, 7009 and 7591; a 503 is an outage that a caller may always try again after. Besides what each
route says, any request may be answered 400 (malformed HTTP, or not over HTTPS), 405 with \`Allow\`, or 417.`

export type Ports = {
  /** From now on new requests are answered by these. */
  show: (faces: Faces) => void
  /** Listens on every port that one of the services is on; `null` = none of them is. */
  open: () => Promise<{ publicUrl: string | null; adminUrl: string | null }>
  /** Reads the files of the certificate again; `null` = no port speaks TLS. */
  renewCertificate: (() => void) | null
}

/** The ports of a process, whose answers may change while they are open. */
export function createPorts(
  names: readonly ServiceName[],
  { settings, logger }: Pick<Runtime, 'settings' | 'logger'>,
  lifecycle: Lifecycle,
): Ports {
  let shown: Faces = {}
  const speaking = PORTS.some((port) => servicesOn(port, names).length > 0 && speaksTls(port, settings))
  const certificate = speaking ? openCertificate(settings, logger) : null

  async function openPort(port: Port): Promise<string | null> {
    if (servicesOn(port, names).length === 0) return null
    const address = addressOf(port, settings)
    const app = { callback: (): RequestListener => (request, response) => void shown[port]?.(request, response) }
    const tls = speaksTls(port, settings) ? certificate?.pair() : undefined
    const listener = await listen(app, { ...address, tls }).catch((cause: unknown) => notBound(port, address, cause))
    certificate?.shownBy(listener)
    lifecycle.onStop(`port ${listener.port}`, () => listener.close(CLOSE_MS))
    return listener.url
  }

  return {
    show: (faces) => void (shown = faces),
    open: async () => ({ publicUrl: await openPort('public'), adminUrl: await openPort('admin') }),
    renewCertificate: certificate && certificate.renew,
  }
}

type Reach = { exposed: boolean; open?: readonly string[]; errorPage?: ErrorPage; beside?: HttpRouter }

function appFor(audience: Audience, { settings, logger }: Runtime, reach: Reach): HttpApp {
  const { exposed, open = [], ...more } = reach
  const { REQUIRE_HTTPS, TRUSTED_PROXIES: trustedProxies } = settings
  return createHttpApp({
    for: audience,
    ...more,
    logger,
    known: knownError,
    requireHttps: REQUIRE_HTTPS && exposed,
    trustedProxies,
    crossOrigin: open,
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
