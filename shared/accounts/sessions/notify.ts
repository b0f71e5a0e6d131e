import type { Settings } from '../../config/settings.ts'
import type { LinkKind } from './links.ts'

/** What is sent to whoever can reach the person: why, to whom, and the link. */
export type Notification = { kind: LinkKind; sub: string; link: string }

/** Sends a notification; rejects with NotifyFailed unless it was taken, in time. */
export type Notify = (notification: Notification) => Promise<void>

/** What is to send links to people did not take one. */
export class NotifyFailed extends Error {
  constructor(why: string) {
    super(`LEDGER_NOTIFY_URL ${why}`)
    this.name = 'NotifyFailed'
  }
}

/** Part of the time that a request is answered in. */
const SHARE = 0.8

/** Posts notifications as JSON to LEDGER_NOTIFY_URL, with the secret that proves us; `null` where there is none. */
export function createNotify({ NOTIFY_URL, NOTIFY_SECRET, APPEND_TIMEOUT }: Settings): Notify | null {
  if (NOTIFY_URL === undefined || NOTIFY_SECRET === undefined) return null
  return async (notification) => {
    const answer = await fetch(NOTIFY_URL, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${NOTIFY_SECRET}` },
      body: JSON.stringify(notification),
      // To another place the secret must not go.
      redirect: 'manual',
      signal: AbortSignal.timeout(APPEND_TIMEOUT * 1000 * SHARE),
    }).catch((error: Error) => {
      throw new NotifyFailed(error.name === 'TimeoutError' ? 'did not answer in time' : 'cannot be reached')
    })
    await answer.body?.cancel()
    if (!answer.ok) throw new NotifyFailed(`answered ${answer.status}`)
  }
}
