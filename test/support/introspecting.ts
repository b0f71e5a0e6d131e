import type { Seeds } from './ledger-seeds.ts'
import type { Credentials, Requests } from './requests.ts'

/** What a resource server of the folder `orders`, which scopes `read` and `write` include, is told of a token. */
export type Introspecting = {
  introspect: (token: string) => Promise<Record<string, unknown>>
  isActive: (token: string) => Promise<boolean>
}

/** Registers the scopes and the resource server when first asked. */
export function createIntrospecting({ post }: Requests, { scope, resourceServer }: Seeds): Introspecting {
  let server: Promise<Credentials> | undefined
  const register = async (): Promise<Credentials> => {
    await Promise.all([scope('read', 'orders'), scope('write', 'orders')])
    return resourceServer('orders')
  }
  const introspect = async (token: string) => {
    const { status, body } = await post('/oauth2/introspect', { token }, { as: await (server ??= register()) })
    if (status !== 200) throw new Error(`introspection answered ${status}`)
    return body
  }
  return { introspect, isActive: async (token) => (await introspect(token))['active'] === true }
}
