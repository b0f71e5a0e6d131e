// `npm run test:openapi`: starts dev mode on a folder of its own, and has schemathesis ask both ports everything that
// their /openapi.json describes, with credentials that may. Closes with `N passed, N failed`, a port being one test: it
// fails on a 500, on an answer that is not described, and on a request out of form that is taken. The same each time.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { endWithUs, freePorts } from '../support/commands.ts'
import { until } from '../support/waiting.ts'

const ROOT = join(import.meta.dirname, '../..')
const REQUIREMENTS = join(import.meta.dirname, 'requirements.txt')
const VENV = join(ROOT, '.schemathesis')
const SEED = 1
const START_MS = 120_000

// What only the ledger can know is 400 too (RFC 6749 §5.2): a scope that is not there, a token that is none.
const EXCLUDED_CHECKS = 'positive_data_acceptance'

const REFUSING = [400, 401, 403, 404, 405, 408, 409, 412, 413, 422, 428, 431].map(String)

const ARGS = [
  ...['--phases', 'examples,coverage,fuzzing,stateful', '--workers', '1', '--max-examples', '10'],
  ...['--seed', String(SEED), '--generation-deterministic'],
  ...['--continue-on-failure', '--exclude-checks', EXCLUDED_CHECKS, '--warnings', 'off', '--no-color'],
]

type Access = { url: string; admin_url: string; client_id: string; client_secret: string }

const folder = await mkdtemp(join(tmpdir(), 'ledger-openapi-'))
try {
  installSchemathesis()
  const { access, stop } = await startDev(folder)
  const config = await writeConfig(folder, access)
  const passed = [access.url, access.admin_url].filter((url) => isWell(config, url)).length
  console.log(`${passed} passed, ${2 - passed} failed`)
  process.exitCode = passed === 2 ? 0 : 1
  await stop()
} finally {
  await rm(folder, { recursive: true, force: true })
}

/** Installs the releases that are pinned, once for each list of them. */
function installSchemathesis(): void {
  const stamp = join(VENV, 'installed.txt')
  const isThere = existsSync(stamp) && spawnSync('cmp', ['-s', stamp, REQUIREMENTS]).status === 0
  if (isThere) return
  must('python3', ['-m', 'venv', '--clear', VENV])
  must(join(VENV, 'bin/pip'), ['install', '--quiet', '--disable-pip-version-check', '--requirement', REQUIREMENTS])
  must('cp', [REQUIREMENTS, stamp])
}

function must(file: string, args: string[]): void {
  const { status } = spawnSync(file, args, { stdio: ['ignore', 'inherit', 'inherit'] })
  if (status !== 0)
    throw new Error(`${file} ${args.slice(0, 2).join(' ')} ended with ${status}: is python3-venv there?`)
}

async function startDev(data: string): Promise<{ access: Access; stop: () => Promise<void> }> {
  const port = await freePorts(2)
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('LEDGER_'))
  const env = {
    ...Object.fromEntries(inherited),
    LEDGER_DATA_DIR: data,
    LEDGER_SERVE_PUBLIC_PORT: String(port),
    LEDGER_SERVE_ADMIN_PORT: String(port + 1),
    LEDGER_LOG_LEVEL: 'error',
  }
  const program = ['--import', 'tsx', join(ROOT, 'services/cli/main.ts'), 'serve', 'all']
  const child = spawn(process.execPath, program, { cwd: ROOT, env, stdio: ['ignore', 'ignore', 'inherit'] })
  endWithUs(child)
  const ended = once(child, 'exit')
  const ready = `http://127.0.0.1:${port}/health/ready`
  await until(() => answers(ready), 'a ledger that is ready', START_MS)
  const access = JSON.parse(await readFile(join(data, 'cli.json'), 'utf8')) as Access
  const stop = async () => {
    child.kill('SIGTERM')
    await ended
  }
  return { access, stop }
}

function answers(url: string): Promise<boolean> {
  return fetch(url).then(
    ({ ok }) => ok,
    () => false,
  )
}

/** Tells schemathesis how to prove itself, in a file that only we can read. */
async function writeConfig(data: string, { url, client_id, client_secret }: Access): Promise<string> {
  const { clients } = JSON.parse(await readFile(join(data, 'secrets'), 'utf8')) as { clients: Record<string, string> }
  const authorization = `Basic ${Buffer.from(`${client_id}:${client_secret}`).toString('base64')}`
  const body = new URLSearchParams({ grant_type: 'client_credentials' })
  const answer = await fetch(`${url}/oauth2/token`, { method: 'POST', headers: { authorization }, body })
  const { access_token } = (await answer.json()) as { access_token: string }
  const lines = [
    '[checks.negative_data_rejection]',
    // What is too long for any route is refused before one is found.
    `expected-statuses = ${JSON.stringify(REFUSING)}`,
    // There GET is that of `/admin/keys/{kid}`, and no kid is `rewrap`.
    '[[operations]]',
    'include-path = "/admin/keys/rewrap"',
    'checks.unsupported_method.enabled = false',
    'checks.allow_header_conformance.enabled = false',
    '[auth.openapi.bearer]',
    `bearer = "${access_token}"`,
    '[auth.openapi.client_secret_basic]',
    'username = "demo-orders"',
    `password = "${clients['demo-orders']}"`,
  ]
  const file = join(data, 'schemathesis.toml')
  await writeFile(file, `${lines.join('\n')}\n`, { mode: 0o600 })
  return file
}

function isWell(config: string, url: string): boolean {
  const args = ['--config-file', config, 'run', `${url}/openapi.json`, ...ARGS]
  return (
    spawnSync(join(VENV, 'bin/schemathesis'), args, { cwd: tmpdir(), stdio: ['ignore', 'inherit', 'inherit'] })
      .status === 0
  )
}
