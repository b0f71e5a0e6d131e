import { randomBytes } from 'node:crypto'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { jsonIn } from '../../../shared/config/json-in.ts'
import { OperatorError } from '../../../shared/config/operator-error.ts'
import { systemReason } from '../../../shared/config/secret-file.ts'
import { generateClientSecret } from '../../../shared/tokens/client-secret.ts'
import { parseSecrets, type Secret } from '../../../shared/tokens/keys.ts'

/** The demo's clients that have a secret. */
export const DEMO_CLIENTS = ['demo-admin', 'demo-app', 'demo-orders'] as const
export type DemoSecrets = Record<(typeof DEMO_CLIENTS)[number], string>

const FORM = z.object({
  system: z.string(),
  clients: z.record(z.enum(DEMO_CLIENTS), z.string()),
  /** Of the demo's user. A folder of before has none, and gets none: setting it would end the tokens in it. */
  password: z.string().optional(),
})

type DevSecrets = { system: Secret[]; clients: DemoSecrets; password: string | undefined }
type Written = z.infer<typeof FORM>

/** The secrets of dev mode: made at the first start, kept in the data folder for this user's eyes only. */
export async function devSecrets(folder: string): Promise<DevSecrets> {
  const file = fileIn(folder)
  const written = await readWritten(file)
  if (written) return read(written)
  const secrets = make()
  await writePrivately(file, secrets)
  return read(secrets)
}

/** The secrets that a dev server made in this folder; `null`: none did. */
export async function readDevSecrets(folder: string): Promise<DevSecrets | null> {
  const written = await readWritten(fileIn(folder))
  return written && read(written)
}

async function readWritten(file: string): Promise<Written | null> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return null
    throw new OperatorError(`LEDGER_DATA_DIR: ${file} cannot be read: ${systemReason(cause)}`, { cause })
  })
  return text === null ? null : readText(text, file)
}

function readText(text: string, file: string): Written {
  const { data } = FORM.safeParse(jsonIn(text))
  try {
    if (data) return read(data) && data
  } catch (cause) {
    throw strange(file, cause)
  }
  throw strange(file)
}

/** Nothing is begun anew by itself: whoever has the right file can put it back. */
function strange(file: string, cause?: unknown): OperatorError {
  const what = `LEDGER_DATA_DIR: ${file} is not what "npm start" wrote`
  return new OperatorError(`${what}: put it back, or delete the folder to begin with an empty ledger`, { cause })
}

const fileIn = (folder: string) => join(folder, 'secrets')

function read({ system, clients, password }: Written): DevSecrets {
  return { system: parseSecrets(system), clients, password }
}

function make(): Written {
  const clients = {
    'demo-admin': generateClientSecret(),
    'demo-app': generateClientSecret(),
    'demo-orders': generateClientSecret(),
  }
  return { system: `1:${randomBytes(32).toString('base64')}`, clients, password: randomBytes(6).toString('hex') }
}

/** Tells the command line how to reach this dev server: `.ledger/cli.json`. */
export async function writeCliAccess(
  folder: string,
  access: { url: string; admin_url: string; demo_url: string; client_id: string; client_secret: string },
): Promise<void> {
  await writePrivately(join(folder, 'cli.json'), access)
}

// Whole or not at all, also when the process is killed in between.
async function writePrivately(file: string, content: object): Promise<void> {
  const draft = `${file}.new`
  await writeFile(draft, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 })
  await rename(draft, file)
}
