import type { OnRead, Progress } from '../../shared/event-log/fold-log.ts'
import { exportPerson } from './export/export-person.ts'
import { hidePeople, showPeople } from './people/show-people.ts'
import type { Personal, ShownEntry } from './people/shown-entry.ts'
import { grantLife, type GrantLife } from './replay/grant-life.ts'
import { replay, type ReplayFilter } from './replay/replay.ts'
import { keysStatus, type KeysStatus } from './status/keys-status.ts'
import { projectionStatus, type ProjectionStatus } from './status/projection-status.ts'
import type { AuditSource } from './status/status-source.ts'
import { verify, type VerifyReport } from './verify/verify.ts'

/** `personal`: whether people are to be shown; they are not unless asked for. */
export type ReplayAsked = ReplayFilter & { personal?: boolean | undefined }

/** `personal` is told whether people are shown, before the first entry. */
export type Telling = { progress?: Progress | undefined; personal?: ((how: Personal) => void) | undefined }

/** What an auditor can ask, of the log itself or of a service that reads it for him. */
export type Audit = {
  /** Everything that is asked for, with its verdict, in order. */
  replay(asked: ReplayAsked, telling?: Telling): AsyncIterable<ShownEntry>
  /** One grant's life; null = the log knows no such grant. */
  life(grant_id: string, asked?: { personal?: boolean; onRead?: OnRead }): Promise<GrantLife | null>
  /** Whether the live read model is what the log says. */
  verify(progress?: Progress): Promise<VerifyReport>
  status(): Promise<ProjectionStatus>
  /** Which keys are configured, and what still needs them. */
  keys(): Promise<KeysStatus>
}

/** One that has a log and a read model at hand. */
export type OwnAudit = Audit & {
  /** Whether people are shown where they are asked for, as far as the keys of this process go. */
  showing(asked: boolean | undefined): Personal
  /** All that is held about one person, as JSON in pieces. */
  export(sub: string, progress?: Progress): AsyncIterable<string>
}

/** Audits with a log and a read model at hand. */
export function createAudit(source: AuditSource): OwnAudit {
  const showing = (asked: boolean | undefined): Personal => {
    if (!asked) return 'not_asked'
    return source.people.opens ? 'shown' : 'no_key'
  }
  return {
    showing,
    export: (sub, progress) => exportPerson(source, sub, progress),
    replay: ({ personal, ...filter }, { progress, ...telling } = {}) => {
      const how = showing(personal)
      telling.personal?.(how)
      const entries = replay(source, filter, progress)
      return how === 'shown' ? showPeople(entries, source) : hidePeople(entries)
    },
    life: (grant_id, { personal, onRead } = {}) => {
      return grantLife(source, grant_id, { now: Date.now(), onRead, personal: showing(personal) })
    },
    verify: (progress) => verify(source, progress),
    status: () => projectionStatus(source, source.maxLagMs),
    keys: () => keysStatus(source),
  }
}
