import type { EventContext } from '../../shared/event-log/event-codec.ts'
import type { HttpContext } from '../../shared/http/create-app.ts'
import { unavailable } from '../../shared/http/oauth-error.ts'
import type { Commit } from '../../shared/read-model/ledger.ts'
import type { RegistryReader } from '../../shared/read-model/registry-reads.ts'
import type { Standing, TokenReader } from '../../shared/read-model/token-reads.ts'
import type { ClientDefaults } from './client-metadata.ts'
import type { Bearer, Guard } from './guarded.ts'
import type { Serially } from './serially.ts'

/** What the handlers of the admin API work with. */
export type Admin = Guard & {
  registry: RegistryReader
  tokens: TokenReader
  commit: Commit
  /** For what a client's metadata leaves out. */
  defaults: ClientDefaults
  /** Refuse to decide a write on a read model older than this. */
  maxLagMs: number
  /** Writes that could end the last administrator are decided one after the other. */
  serially: Serially
}

/** Who acts, for the event's envelope. */
export function eventContext(ctx: HttpContext, { principal }: Bearer): EventContext {
  const { requestId, traceparent, clientAddress } = ctx.state
  return {
    actor: `${principal.type}/${principal.id}`,
    requestid: requestId,
    traceparent,
    clientaddress: clientAddress,
  }
}

/** 503 unless this partition is being projected and at most `maxLagMs` behind. */
export function requireRecent({ status, status_reason, fresh_as_of }: Standing, now: number, maxLagMs: number): void {
  if (status !== 'ok') throw unavailable(`partition ${status}: ${status_reason ?? ''}`)
  const lag = now - (fresh_as_of ?? 0)
  if (lag > maxLagMs) throw unavailable(`the read model is ${lag} ms behind`)
}

/** 503 when a read does not show an event that the read model was already seen to have folded (a replica is behind). */
export function requireShown({ next }: Standing, { offset }: { offset: number }): void {
  if (next <= offset) throw unavailable('the read model fell behind what it had shown')
}
