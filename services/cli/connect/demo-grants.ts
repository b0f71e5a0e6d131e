import { basicOf, jsonOf, type ServiceAccess, sendTo, serviceRequests } from './service-access.ts'

type Asked = { client_id: string; sub: string; scope: string }
type Tokens = { access_token: string; refresh_token: string }

/**
 * New grants from a running service, by its admin API: one to be refreshed `alone`, one to be `shown`, whose id this
 * resource server is told; and how long the client may repeat a refresh.
 */
export async function askDemoGrants(access: ServiceAccess, asked: Asked, server: Credentials) {
  const request = serviceRequests(access, 'ledger.admin')
  const client = await jsonOf<{ refresh_grace_seconds: number }>(await request(`/admin/clients/${asked.client_id}`))
  const issue = async () => jsonOf<Tokens>(await request('/admin/grants', { method: 'POST', body: asked }))
  const [alone, shown] = [await issue(), await issue()]
  const grant_id = await grantOf(access, shown.access_token, server)
  return { refresh_grace_seconds: client.refresh_grace_seconds, alone, shown: { ...shown, grant_id } }
}

type Credentials = Pick<ServiceAccess, 'client_id' | 'client_secret'>

/** Introspection names a token `GRANT_ID.GENERATION`. */
async function grantOf(access: ServiceAccess, token: string, server: Credentials): Promise<string> {
  const response = await sendTo(access, 'url', '/oauth2/introspect', {
    method: 'POST',
    headers: { authorization: basicOf(server) },
    body: new URLSearchParams({ token }),
  })
  const { jti } = await jsonOf<{ jti: string }>(response)
  return jti.slice(0, jti.indexOf('.'))
}
