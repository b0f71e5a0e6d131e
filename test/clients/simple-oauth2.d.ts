/** What is used here of simple-oauth2, which has no types of its own. */
declare module 'simple-oauth2' {
  type Token = { [member: string]: unknown }
  export type AccessToken = {
    token: Token
    refresh: (params?: { scope?: string }) => Promise<AccessToken>
    revoke: (type: 'access_token' | 'refresh_token') => Promise<unknown>
    revokeAll: () => Promise<void>
  }
  export class ClientCredentials {
    constructor(config: {
      client: { id: string; secret: string }
      auth: { tokenHost: string; tokenPath: string; revokePath: string }
      options?: { authorizationMethod: 'header' | 'body' }
    })
    getToken(params: { scope?: string }): Promise<AccessToken>
    createToken(token: Token): AccessToken
  }
}
