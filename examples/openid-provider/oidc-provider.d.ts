/** The part of the package that the example uses; it comes without types. */
declare module 'oidc-provider' {
  export class Provider {
    constructor(issuer: string, configuration: object)
    listen(port: number, host: string, listening: () => void): void
  }
}
