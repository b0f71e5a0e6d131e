import type { RequestListener } from 'node:http'
import type { Audience } from '../../../shared/http/app/audience.ts'
import type { HttpApp } from '../../../shared/http/app/create-app.ts'

/**
 * Two applications behind one listener: people's answers where it has a route for the path, the machines' everywhere
 * else.
 */
export function dispatch({ machines, people }: Record<Audience, HttpApp>): { callback(): RequestListener } {
  if (people.router.stack.length === 0) return machines.app
  return {
    callback: () => {
      const answers = { machines: machines.app.callback(), people: people.app.callback() }
      return (request, response) => {
        const { path, method } = people.app.createContext(request, response)
        // By the path alone, so that a wrong method is answered by whoever has the path.
        const isForPeople = people.router.match(path, method).path.length > 0
        void answers[isForPeople ? 'people' : 'machines'](request, response)
      }
    },
  }
}
