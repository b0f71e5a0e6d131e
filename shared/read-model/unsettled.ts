/**
 * The read model can say neither yes nor no now: it is behind, or contradicts what it was known to hold. Answered with
 * 503, and never the client's fault.
 */
export class Unsettled extends Error {
  constructor(reason: string) {
    super(reason)
    this.name = 'Unsettled'
  }
}
