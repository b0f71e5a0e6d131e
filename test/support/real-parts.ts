import { randomBytes } from 'node:crypto'
import test, { type ExecutionContext } from 'ava'
import pg from 'pg'

type Part = 'kafka' | 'postgres'
export type RealTest = ReturnType<typeof realTest>
type Body = (t: ExecutionContext) => void | Promise<void>

const SETTING = { kafka: 'TEST_KAFKA_BROKERS', postgres: 'TEST_DATABASE_URL' } as const

/** Whether `npm test` found or started this part. */
export function hasPart(part: Part): boolean {
  return Boolean(process.env[SETTING[part]])
}

/**
 * `test` for what needs real parts: skipped, visibly, where one is missing (`npm test` fails instead when CI=true).
 * `const test = realTest('kafka', 'postgres')`, then `test('title', async (t) => …)` or `test.serial(…)`.
 */
export function realTest(...parts: Part[]) {
  const missing = parts.filter((part) => !hasPart(part))
  const titled = (title: string) => `${title} (needs ${missing.join(' and ')})`
  if (!missing.length) return Object.assign(run(test), { serial: run(test.serial) })
  const skip = (title: string, body: Body) => test.skip(titled(title), body)
  return Object.assign(skip, { serial: skip })
}

/** The brokers of the Kafka that all test files share: never kill or pause it, start one of your own for that. */
export function kafkaBrokers(): string[] {
  return setting('kafka').split(',')
}

/** A topic prefix (and group prefix) that no other test uses. */
export function freshPrefix(): string {
  return `test-${randomBytes(6).toString('hex')}`
}

/**
 * A new empty database on the shared PostgreSQL, made with these options; dropped when the test ends, with the
 * connections that are left.
 */
export async function databaseUrl(t: Pick<ExecutionContext, 'teardown'>, options = ''): Promise<string> {
  const name = `test_${randomBytes(6).toString('hex')}`
  await onServer(`CREATE DATABASE ${name} ${options}`)
  t.teardown(() => onServer(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`))
  const url = new URL(setting('postgres'))
  url.pathname = `/${name}`
  return url.href
}

/** A role that may log in to this database and nothing else yet, with its URL; gone when the test ends. */
export async function loginRole(t: Pick<ExecutionContext, 'teardown'>, url: string) {
  const name = `role_${randomBytes(6).toString('hex')}`
  await onServer(`CREATE ROLE ${name} LOGIN PASSWORD '${name}'`)
  t.teardown(async () => {
    await onServer(`DROP OWNED BY ${name}`, url)
    await onServer(`DROP ROLE ${name}`)
  })
  const theirs = new URL(url)
  theirs.username = name
  theirs.password = name
  return { name, url: theirs.href }
}

function run(register: typeof test | typeof test.serial) {
  return (title: string, body: Body): void => register(title, body)
}

function setting(part: Part): string {
  const value = process.env[SETTING[part]]
  if (!value) throw new Error(`${SETTING[part]} is not set: run "npm test -- <file>", which starts what is missing`)
  return value
}

/** Statements of the superuser, by default in the server's own database. */
export async function onServer(sql: string, url = setting('postgres')): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}
