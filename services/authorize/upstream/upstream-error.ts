/**
 * Why nobody came from a provider. `away`: it cannot be asked. `denied`: the person said no there. `strange`: it
 * answers what we cannot trust.
 */
export type UpstreamFault = 'away' | 'denied' | 'strange'

/** The one error of a login with a provider; the message is for the log, and names no person and no token. */
export class UpstreamError extends Error {
  readonly fault: UpstreamFault

  constructor(fault: UpstreamFault, message: string) {
    super(message)
    this.name = 'UpstreamError'
    this.fault = fault
  }
}
