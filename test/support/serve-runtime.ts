import type { ExecutionContext } from 'ava'
import type { HttpRouter } from '../../shared/http/context.ts'
import { createHttpApp } from '../../shared/http/app/create-app.ts'
import { listen } from '../../shared/http/listen.ts'
import { knownError } from '../../shared/process/known-errors.ts'
import type { Runtime } from '../../shared/process/runtime.ts'
import { createRequests, type Requests } from './requests.ts'

type Mount = (runtime: Runtime, router: HttpRouter) => void

/** Services on a runtime of which a test has changed a part, all on one port of their own. */
export async function serveRuntime(
  t: Pick<ExecutionContext, 'teardown'>,
  runtime: Runtime,
  mounts: Mount[],
): Promise<Requests> {
  const { app, router } = createHttpApp({
    for: 'machines',
    known: knownError,
    logger: runtime.logger,
    requireHttps: false,
    trustedProxies: [],
  })
  for (const mount of mounts) mount(runtime, router)
  const listener = await listen(app, { host: '127.0.0.1', port: 0 })
  t.teardown(() => listener.close(0))
  return createRequests(listener.url)
}
