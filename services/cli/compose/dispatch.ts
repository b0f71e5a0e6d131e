import type { RequestListener } from 'node:http'
import type { Audience } from '../../../shared/http/app/audience.ts'
import type { HttpApp } from '../../../shared/http/app/create-app.ts'
import type { HttpContext } from '../../../shared/http/context.ts'

/**
 * Two applications behind one listener: people's answers where it has a route for the path, and a browser that opens
 * what no route answers; the machines' everything else.
 */
export function dispatch({ machines, people }: Record<Audience, HttpApp>): { callback(): RequestListener } {
  if (people.router.stack.length === 0) return machines.app
  return {
    callback: () => {
      const answers = { machines: machines.app.callback(), people: people.app.callback() }
      return (request, response) => {
        const ctx = people.app.createContext(request, response)
        const { path, method } = ctx
        // By the path alone, so that a wrong method is answered by whoever has the path.
        const isForPeople =
          people.router.match(path, method).path.length > 0 ||
          (isVisit(ctx) && !machines.router.match(path, method).route)
        void answers[isForPeople ? 'people' : 'machines'](request, response)
      }
    },
  }
}

/** Whether a person's browser opens this as a page. Programs that take anything get JSON. */
function isVisit(ctx: Pick<HttpContext, 'method' | 'accepts'>): boolean {
  return ['GET', 'HEAD'].includes(ctx.method) && ctx.accepts('json', 'html') === 'html'
}
