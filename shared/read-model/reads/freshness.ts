import { unavailable } from '../../http/oauth-error.ts'

/** 503 for a partition that stopped at a record, or that diverged from the log. */
export function requireProjected({ status, status_reason }: Standing): void {
  if (status !== 'ok') throw unavailable(`partition ${status}: ${status_reason ?? ''}`)
}

/** 503 unless this partition is being projected and was known to be complete at most `maxLagMs` before `now` (ms). */
export function requireRecent(standing: Standing, now: number, maxLagMs: number): void {
  requireProjected(standing)
  const lag = now - (standing.fresh_as_of ?? 0)
  if (lag > maxLagMs) throw unavailable(`the read model is ${lag} ms behind`)
}

/** 503 when a read does not show an event that the read model was already seen to have folded (a replica is behind). */
export function requireShown({ next }: Standing, { offset }: { offset: number }): void {
  if (next <= offset) throw unavailable('the read model fell behind what it had shown')
}

/** `requireRecent` for the grant's partition and for the registry: what a token is judged by. */
export function requireRecentView(
  { checkpoint, registry, now }: { checkpoint: Standing; registry: Standing; now: number },
  maxLagMs: number,
): void {
  requireRecent(checkpoint, now, maxLagMs)
  requireRecent(registry, now, maxLagMs)
}

/** How far the read model stands, in the statement that read the rest. Times are ms of the database's clock. */
export type Standing = { next: number; fresh_as_of: number | null; status: string; status_reason: string | null }
