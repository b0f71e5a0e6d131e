/** What is used here of simple-oauth2, which has no types of its own. */
declare module 'simple-oauth2' {
  type Token = { [member: string]: unknown }
  export type AccessToken = {
    token: Token
    refresh: (params?: { scope?: string }) => Promise<AccessToken>
    revoke: (type: 'access_token' | 'refresh_token') => Promise<unknown>
    revokeAll: () => Promise<void>
  }
  type Config = {
    client: { id: string; secret?: string }
    auth: { tokenHost: string; tokenPath: string; revokePath: string }
    options?: { authorizationMethod: 'header' | 'body' }
  }
  export class ClientCredentials {
    constructor(config: Config)
    getToken(params: { scope?: string }): Promise<AccessToken>
    createToken(token: Token): AccessToken
  }
  export class AuthorizationCode {
    constructor(config: Config)
    getToken(params: { code: string; redirect_uri: string; code_verifier: string }): Promise<AccessToken>
  }
  export class ResourceOwnerPassword {
    constructor(config: Config)
    getToken(params: { username: string; password: string; scope: string[] }): Promise<AccessToken>
  }
}
