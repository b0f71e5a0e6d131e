import type { Logger } from 'pino'
import { createLimits, type Limits } from '../accounts/limits/limits.ts'
import { createHashing, type Hashing } from '../accounts/passwords/hashing.ts'
import { createScrypt } from '../accounts/passwords/scrypt.ts'
import { createPeople, type People } from '../accounts/people.ts'
import type { ProvingUsers } from '../callers/authenticate-user.ts'
import type { Guard } from '../callers/require-right.ts'
import type { Settings } from '../config/settings.ts'
import type { EventLog } from '../event-log/event-log.ts'
import { hasIndexedUsers } from '../event-log/registry-log.ts'
import { type Commit, createCommit } from '../read-model/commit/commit.ts'
import { createNoteProof } from '../read-model/commit/note-proof.ts'
import type { PasswordSetting } from '../read-model/passwords/set-password.ts'
import { createRegistryReader } from '../read-model/reads/registry.ts'
import { createPositionWaiter, type PositionWaiter } from '../read-model/position-waiter.ts'
import type { ReadModel } from '../read-model/read-model.ts'
import { createAccessReader } from '../read-model/reads/access.ts'
import { type Clocks, createClocks } from '../read-model/reads/clocks.ts'
import type { NoteProof } from '../read-model/reads/settled-token.ts'
import type { LedgerKeys } from '../tokens/key-checks.ts'
import { createStamps } from '../read-model/stamps.ts'
import type { Keys } from '../tokens/keys.ts'
import type { PartsRead } from './open-parts.ts'

/** What every service of one process is wired from. */
export type Runtime = Required<ReadModel> & {
  settings: Settings
  log: EventLog
  waiter: PositionWaiter
  commit: Commit
  clocks: Clocks
  logger: Logger
  people: People
  /** Passwords, few at once in this process; absent where the keys are. */
  passwords: Hashing | null
  /** Absent where a process handles no tokens. */
  keys: Keys | null
  /** Introduces a key of before once it is proved; does nothing where the whole key is not here. */
  noteProof: NoteProof
}

/** The keys of a process that cannot work without. */
export function requireKeys({ keys }: Runtime): Keys {
  if (!keys) throw new Error('this service needs LEDGER_SECRETS_SYSTEM')
  return keys
}

/** What hashes passwords, of a process that cannot work without keys. */
export function requirePasswords({ passwords }: Runtime): Hashing {
  if (!passwords) throw new Error('this service needs LEDGER_SECRETS_SYSTEM')
  return passwords
}

/** What it takes to set passwords. */
export function passwordSettingOf(runtime: Runtime): PasswordSetting {
  const { knex, commit, people, settings } = runtime
  return { knex, registry: createRegistryReader(runtime), commit, people, maxLagMs: settings.MAX_LAG * 1000 }
}

/** What proves users by their passwords. */
export function provingUsersOf(runtime: Runtime): ProvingUsers {
  const { settings, topics, waiter, logger } = runtime
  return {
    ...{ waiter, topics, logger },
    keys: requireKeys(runtime),
    hashing: requirePasswords(runtime),
    passwords: passwordSettingOf(runtime),
    maxLagMs: settings.MAX_LAG * 1000,
    timeoutMs: settings.APPEND_TIMEOUT * 1000,
  }
}

/** What it takes to judge who may use a service of this process's own: the admin and the audit API. */
export function guardOf(runtime: Runtime): Guard {
  const { settings, topics, waiter, logger, noteProof } = runtime
  return {
    access: createAccessReader(runtime, { patienceMs: settings.APPEND_TIMEOUT * 1000 }),
    waiter,
    keys: requireKeys(runtime),
    topics,
    logger,
    noteProof,
    checkMaxLagMs: settings.CHECK_MAX_LAG * 1000,
    timeoutMs: settings.APPEND_TIMEOUT * 1000,
  }
}

/** What counts the failed attempts at this process's endpoints. */
export function limitsOf(runtime: Runtime): Limits {
  const { knex, settings } = runtime
  return createLimits({ knex, keys: requireKeys(runtime), perNetwork: settings.ADDRESS_FAILURES })
}

/** The write and read paths of a process, on these parts and this read model. */
export function runtimeOf(
  { knex, log, topics, schema }: PartsRead,
  settings: Settings,
  held: LedgerKeys | null,
  logger: Logger,
): Runtime {
  const stamps = createStamps()
  const waiter = createPositionWaiter({ knex, schema, stamps })
  const clocks = createClocks({ maxSkewMs: settings.MAX_CLOCK_SKEW * 1000, logger })
  const commit = createCommit({
    log,
    waiter,
    topics,
    issuer: settings.ISSUER,
    timeoutMs: settings.APPEND_TIMEOUT * 1000,
    clocks,
  })
  const introduces = held && settings.SECRETS_SYSTEM
  const noteProof = introduces
    ? createNoteProof({ knex, schema, topics }, { ...held, commit, logger })
    : () => undefined
  const keys = held?.keys ?? null
  const people = createPeople({
    ...{ knex, keys, ledger_id: held?.ledger_id ?? '' },
    isIndexed: () => hasIndexedUsers(log, topics),
  })
  const scrypt = createScrypt({ patienceMs: settings.APPEND_TIMEOUT * 1000 })
  const passwords = keys && createHashing(keys, scrypt)
  const made = { people, passwords, keys, noteProof }
  return { settings, knex, log, topics, schema, stamps, waiter, commit, clocks, logger, ...made }
}
