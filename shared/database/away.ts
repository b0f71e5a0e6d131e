const NETWORK_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
])

/**
 * SQLSTATE classes and codes of a database that is away, starting, stopping, full, failing over or too slow:
 * connection, login, resources, operator intervention, serialization, lock and idle timeouts, a standby that cannot
 * write.
 */
const SQLSTATE_UNAVAILABLE = /^(08...|28...|53...|57...|58...|40001|40P01|55P03|25P03|25006|3D000)$/

/** pg and knex tell these apart by words only, and knex puts the statement before those of pg. */
const LOST_CONNECTION =
  /(^| - )(Connection terminated|Query read timeout|timeout expired|timeout exceeded when trying to connect|Client has encountered a connection error|Client was closed|Knex: Timeout acquiring)[^\n]*$/

/**
 * Whether the database, or the way to a part, is away, overloaded or too slow. What caused the error is not looked at.
 */
export function isAway(thrown: unknown): boolean {
  if (!(thrown instanceof Error)) return false
  const code = codeOf(thrown)
  return NETWORK_CODES.has(code) || SQLSTATE_UNAVAILABLE.test(code) || LOST_CONNECTION.test(thrown.message)
}

const SQLSTATE_GONE = /^(42P01|3F000)$/

/** Whether a table or schema is not there: the read model was dropped while this process stood still. */
export function isSchemaGone(thrown: unknown): boolean {
  return SQLSTATE_GONE.test(codeOf(thrown))
}

const SQLSTATE_BAD_TEXT = /^(22021|22P05)$/

/** Whether it was text that PostgreSQL cannot store, such as U+0000: whoever sent it is at fault. */
export function isUnstorableText(thrown: unknown): boolean {
  return SQLSTATE_BAD_TEXT.test(codeOf(thrown))
}

/**
 * Classes of errors that lie in the statement or in what it was given: not supported, cardinality, data, constraints,
 * syntax and names and rights, checks, limits of the program, raised by a trigger, corruption.
 */
const SQLSTATE_REFUSED = /^(0A|21|22|23|42|44|54|P0)...$|^XX00[12]$/

/**
 * What no repetition mends, mostly because PostgreSQL refused it: the SQLSTATE and what it names. `null`: repeating may
 * help.
 * Its message and DETAIL quote what was to be stored, so they are told to nobody.
 */
export function refusalOf(thrown: unknown): string | null {
  if (thrown instanceof RangeError) return 'it is nested too deeply'
  const code = codeOf(thrown)
  if (!SQLSTATE_REFUSED.test(code)) return null
  const named = ['table', 'column', 'constraint'].flatMap((kind) => {
    const name: unknown = Reflect.get(thrown as Error, kind)
    return typeof name === 'string' ? [`${kind} ${name}`] : []
  })
  return [`SQLSTATE ${code}`, ...named].join(', ')
}

function codeOf(thrown: unknown): string {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : ''
}
