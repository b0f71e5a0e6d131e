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

/** What can be only when log and read model, or two rows of it, contradict each other: the word of the alarm. */
export type Alarm = 'log_went_back' | 'read_model_contradicts'

/**
 * The log and the read model contradict each other. Repeating does not mend it and no client caused it, so its 503 is
 * an alarm in our log: somebody has to look.
 */
export class Contradiction extends Unsettled {
  readonly alarm: Alarm
  constructor(alarm: Alarm, reason: string) {
    super(reason)
    this.name = 'Contradiction'
    this.alarm = alarm
  }
}
