import type { Settings } from '../../../shared/config/settings.ts'
import type { ReplayAsked } from '../audit.ts'
import type { VerifyReport } from '../verify/verify.ts'

/** What a worker is asked. */
export type Question = { kind: 'events'; asked: ReplayAsked } | { kind: 'export'; sub: string } | { kind: 'verify' }

/** What a worker opens, the read model in use there, and what opens the names of people: no other key. */
export type Reading = { settings: Settings; schema: string; projectSecrets?: string | null | undefined }

/** The one message to a worker: over the channel between the processes, because settings hold passwords. */
export type Order = Reading & { question: Question }

/** What a worker says: that it goes on, and in the end one of the others. Entries of a replay go to its stdout. */
export type Said =
  | { kind: 'alive' }
  | { kind: 'done'; report: VerifyReport | null }
  | { kind: 'unavailable'; reason: string; alarm: string | undefined }
  | { kind: 'bug'; stack: string }

export const ALIVE_MS = 500
