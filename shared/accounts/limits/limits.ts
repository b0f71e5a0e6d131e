import { createHmac } from 'node:crypto'
import type { Knex } from 'knex'
import { ownName } from '../../database/own-name.ts'
import type { Keys } from '../../tokens/keys.ts'
import { cleanLimits } from './clean.ts'
import { type Counter, createCounter } from './counter.ts'
import { createTurns } from './in-turn.ts'

/** Whom an attempt is made for (a client_id, the index of a name), and from which /32 or /64. */
export type Attempt = { subject: string; network: string }

/** What became of a failed attempt. `wait`: seconds, 0 = it was heard. `reached`: the last that was heard of these. */
export type Failed = { wait: number; reached: 'subject' | 'network' | null }

/**
 * Failures of one kind, counted by (subject, network) and by network. Nobody is known here: a subject that does not
 * exist is counted like one that does, so that a refusal tells nobody which of them exist.
 */
export type FailureLimit = {
  /** Seconds until an attempt is heard, 0 = now. To be asked before costly work; counts nothing. */
  ask(attempt: Attempt): Promise<number>
  /** Runs all of one attempt, from `ask` to `failed`, in its turn among those of the same subject and network. */
  inTurn<T>(attempt: Attempt, work: () => Promise<T>): Promise<T>
  /** Counts an attempt that failed. One that comes too early is not counted. */
  failed(attempt: Attempt): Promise<Failed>
}

/** `links`: those who asked for a link to set a password, all of them. */
export type Limits = { secrets: FailureLimit; passwords: FailureLimit; links: FailureLimit }

/** Failures a minute for one subject from one network: probing clients fail about ten times (Basic, then the body). */
const MOST_SECRETS = 20
const MOST_PASSWORDS = 10
const MOST_LINKS = 3

type Options = {
  knex: Knex
  keys: Keys
  /** Failures a minute from one network, whoever is meant. */
  perNetwork: number
  /** How many rows are kept; default: far more than honest people make. */
  mostRows?: number
}

/** Limits of all processes on this database. Only failures reach them. Rejects as the database does. */
export function createLimits({ knex, keys, perNetwork, mostRows }: Options): Limits {
  const clean = cleanLimits(knex, mostRows)
  const keyOf = keysOfLimits(knex, keys)
  const limit = (kind: string, most: number) =>
    createFailureLimit({
      own: createCounter(knex, kind, most),
      wide: createCounter(knex, `${kind}_network`, perNetwork),
      keyOf,
      clean,
    })
  return {
    secrets: limit('secret', MOST_SECRETS),
    passwords: limit('password', MOST_PASSWORDS),
    links: limit('link', MOST_LINKS),
  }
}

type Parts = { own: Counter; wide: Counter; keyOf: KeyOf; clean: () => Promise<void> }

function createFailureLimit({ own, wide, keyOf, clean }: Parts): FailureLimit {
  const keysOf = async ({ subject, network }: Attempt) => ({
    one: await keyOf(subject, network),
    all: await keyOf(network),
  })
  const take = createTurns()
  return {
    inTurn: async ({ subject, network }, work) => take(JSON.stringify([subject, network]), work),
    ask: async (attempt) => {
      const { one, all } = await keysOf(attempt)
      const known = Math.max(own.known(one), wide.known(all))
      return known > 0 ? known : Math.max(...(await Promise.all([own.ask(one), wide.ask(all)])))
    },
    failed: async (attempt) => {
      const { one, all } = await keysOf(attempt)
      const known = Math.max(own.known(one), wide.known(all))
      if (known > 0) return { wait: known, reached: null }
      await clean()
      // One after the other: what is too much for the one is not counted for the other.
      const counted = await own.count(one)
      if (counted.wait > 0) return { wait: counted.wait, reached: null }
      const { wait, reached } = await wide.count(all)
      return { wait, reached: reached ? 'network' : counted.reached ? 'subject' : null }
    },
  }
}

type KeyOf = (...parts: string[]) => Promise<string>

/**
 * Keys that name nobody: whoever reads the table cannot try names and addresses until one fits. They carry the ledger's
 * id and the database's own, so that a copy of the table counts for nobody else.
 */
function keysOfLimits(knex: Knex, keys: Keys): KeyOf {
  const pepper = keys.subkey('pepper', keys.current)
  if (!pepper) throw new Error(`no pepper under kid ${keys.current}`)
  let known: string | undefined
  return async (...parts) => {
    known ??= await ownName(knex, 'limits')
    // No client's secret begins like this.
    return createHmac('sha256', pepper)
      .update(JSON.stringify([known, ...parts]))
      .digest('base64url')
  }
}
