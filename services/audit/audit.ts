import type { OnRead, Progress } from '../../shared/event-log/fold-log.ts'
import { grantLife, type GrantLife } from './replay/grant-life.ts'
import type { ReplayEntry } from './replay/replay-entry.ts'
import { replay, type ReplayFilter } from './replay/replay.ts'
import { keysStatus, type KeysStatus } from './status/keys-status.ts'
import { projectionStatus, type ProjectionStatus } from './status/projection-status.ts'
import type { AuditSource } from './status/status-source.ts'
import { verify, type VerifyReport } from './verify/verify.ts'

/** What an auditor can ask, of the log itself or of a service that reads it for him. */
export type Audit = {
  /** Everything that the filter lets through, with its verdict, in order. */
  replay(filter: ReplayFilter, progress?: Progress): AsyncIterable<ReplayEntry>
  /** One grant's life; null = the log knows no such grant. */
  life(grant_id: string, onRead?: OnRead): Promise<GrantLife | null>
  /** Whether the live read model is what the log says. */
  verify(progress?: Progress): Promise<VerifyReport>
  status(): Promise<ProjectionStatus>
  /** Which keys are configured, and what still needs them. */
  keys(): Promise<KeysStatus>
}

/** Audits with a log and a read model at hand. */
export function createAudit(source: AuditSource): Audit {
  return {
    replay: (filter, progress) => replay(source, filter, progress),
    life: (grant_id, onRead) => grantLife(source, grant_id, { now: Date.now(), onRead }),
    verify: (progress) => verify(source, progress),
    status: () => projectionStatus(source, source.maxLagMs),
    keys: () => keysStatus(source),
  }
}
