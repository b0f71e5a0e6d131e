import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { endWithUs, freePorts, run } from '../../test/support/commands.ts'
import { basic } from '../../test/support/requests.ts'
import { arrival, until } from '../../test/support/waiting.ts'

export const ROOT = new URL('../..', import.meta.url).pathname

/** A ledger of one release on real parts, all services in one process, and what a client asks of it. */
export type Side = {
  env: Record<string, string>
  pid: number
  databaseUrl: string
  createUser(sub: string): Promise<void>
  forget(sub: string): Promise<void>
  /** First tokens for a user. */
  grant(sub: string): Promise<{ access_token: string; refresh_token: string }>
  refresh(refresh_token: string): Promise<string>
  check(token: string): Promise<void>
  /** Runs a command of the command line to its end: how long that took, in ms. */
  command(env: Record<string, string>, ...args: string[]): Promise<number>
  stop(): Promise<void>
}

export type SideOptions = {
  /** A checkout that was built. */
  root?: string
  brokers: string[]
  databaseUrl: string
  secrets?: string
}

const FORM = { grant_type: 'client_credentials', scope: 'ledger.admin' }

/** Migrates a fresh ledger on these parts, serves it, and registers who is needed. */
export async function startSide({ root = ROOT, brokers, databaseUrl, secrets }: SideOptions): Promise<Side> {
  const port = await freePorts(2)
  const password = randomBytes(32).toString('base64url')
  const env = {
    LEDGER_DATABASE_URL: databaseUrl,
    LEDGER_KAFKA_BROKERS: brokers.join(','),
    LEDGER_KAFKA_TOPIC_PREFIX: `bench-${port}`,
    LEDGER_SECRETS_SYSTEM: secrets ?? `1:${randomBytes(32).toString('base64')}`,
    LEDGER_ISSUER: `http://127.0.0.1:${port}`,
    LEDGER_REQUIRE_HTTPS: 'false',
    LEDGER_SERVE_PUBLIC_HOST: '127.0.0.1',
    LEDGER_SERVE_PUBLIC_PORT: String(port),
    LEDGER_SERVE_ADMIN_PORT: String(port + 1),
    LEDGER_BOOTSTRAP_CLIENT_ID: 'root',
    LEDGER_BOOTSTRAP_CLIENT_SECRET: password,
    LEDGER_LOG_LEVEL: 'warn',
    NODE_ENV: 'production',
  }
  const main = `${root}/dist/services/cli/main.js`
  const command = async (more: Record<string, string>, ...args: string[]) => {
    const began = performance.now()
    await run({ file: process.execPath, args: [main, ...args], env: { ...env, ...more }, cwd: root })
    return performance.now() - began
  }
  await command({}, 'migrate')
  const child = spawn(process.execPath, [main, 'serve', 'all'], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  endWithUs(child)
  const [url, adminUrl] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${port + 1}`]
  await until(
    async () => (await fetch(`${url}/health/ready`).catch(() => null))?.ok === true,
    `a ready ${root}`,
    60_000,
  )
  const { access_token } = await post(`${url}/oauth2/token`, basic(`root:${password}`), new URLSearchParams(FORM))
  const admin = `Bearer ${String(access_token)}`
  return {
    env,
    pid: child.pid ?? 0,
    databaseUrl,
    command,
    stop: () => end(child),
    ...(await asked(url, adminUrl, admin)),
  }
}

async function asked(url: string, adminUrl: string, admin: string) {
  const send = (path: string, body: object, method = 'POST', headers = {}) =>
    post(`${adminUrl}/admin${path}`, admin, JSON.stringify(body), { method, headers })
  await send('/scopes/read', { description: '', includes: ['orders'] }, 'PUT', { 'if-none-match': '*' })
  const register = async (over: object) => {
    const client = await send('/clients', { client_version: '1', scope: 'read', ...over })
    return basic(`${String(client['client_id'])}:${String(client['client_secret'])}`)
  }
  const shop = await register({ client_name: 'shop', grant_types: ['refresh_token'] })
  const api = await register({ client_name: 'api', resource_server_folders: ['orders'] })
  const shop_id = decodeURIComponent(Buffer.from(shop.slice(6), 'base64').toString().split(':')[0] ?? '')
  return {
    createUser: async (sub: string) => {
      const personal = { username: `${sub}.name`, name: `Name of ${sub}`, email: `${sub}@people.example` }
      await send(`/users/${sub}`, personal, 'PUT', { 'if-none-match': '*' })
    },
    forget: async (sub: string) => void (await send(`/users/${sub}/forget`, { reason: 'bench' })),
    grant: async (sub: string) => {
      const { access_token, refresh_token } = await send('/grants', { client_id: shop_id, sub })
      return { access_token: String(access_token), refresh_token: String(refresh_token) }
    },
    refresh: async (refresh_token: string) => {
      const form = new URLSearchParams({ grant_type: 'refresh_token', refresh_token })
      return String((await post(`${url}/oauth2/token`, shop, form))['refresh_token'])
    },
    check: async (token: string) => {
      await post(`${url}/check`, api, JSON.stringify({ token, resource: 'orders:list' }))
    },
  }
}

async function post(
  url: string,
  authorization: string,
  body: string | URLSearchParams,
  { method = 'POST', headers = {} } = {},
): Promise<Record<string, unknown>> {
  const type = typeof body === 'string' ? { 'content-type': 'application/json' } : {}
  const answer = await fetch(url, { method, headers: { authorization, ...type, ...headers }, body })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${method} ${url} answered ${answer.status}: ${text}`)
  return JSON.parse(text) as Record<string, unknown>
}

async function end(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit')
  child.kill('SIGTERM')
  await arrival(exit, 'the end of a ledger')
}
