import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { jsonIn } from '../../../shared/config/json-in.ts'

/** Whose tokens are kept where: at this service, as this client. */
export type Keeper = { tokens_folder: string; admin_url: string; client_id: string }

const FORM = z.object({
  admin_url: z.string(),
  client_id: z.string(),
  scope: z.string(),
  access_token: z.string(),
  /** Milliseconds. */
  expires_at: z.number(),
})

export type KeptToken = z.infer<typeof FORM>

/** A token is not used in its last seconds: it may end on the way. */
const MARGIN_MS = 10_000

/** Where the tokens of this user's command line are kept, by the rule of the XDG base directories. */
export function cacheFolder({ XDG_CACHE_HOME }: NodeJS.ProcessEnv): string {
  return join(XDG_CACHE_HOME?.startsWith('/') ? XDG_CACHE_HOME : join(homedir(), '.cache'), 'token-ledger')
}

/** Keeps a token for the next call, for this user's eyes only: whole or not at all. */
export async function keepToken(keeper: Keeper, token: Omit<KeptToken, 'admin_url' | 'client_id'>): Promise<void> {
  const { tokens_folder, admin_url, client_id } = keeper
  await mkdir(tokens_folder, { recursive: true, mode: 0o700 })
  const file = fileOf(keeper, token.scope)
  const draft = `${file}.${randomBytes(6).toString('hex')}`
  await writeFile(draft, JSON.stringify({ admin_url, client_id, ...token }), { mode: 0o600, flag: 'wx' })
  await rename(draft, file)
}

/** The token that was kept for this scope, unless it has ended. */
export async function findToken(keeper: Keeper, scope: string): Promise<KeptToken | null> {
  const kept = await readKept(keeper, fileOf(keeper, scope))
  return kept?.scope === scope ? kept : null
}

/** Every token that is kept and has not ended. */
export async function keptTokens(keeper: Keeper): Promise<KeptToken[]> {
  const names = await readdir(keeper.tokens_folder).catch(() => [])
  const own = names.filter((name) => name.startsWith(`${digest(keeper.admin_url, keeper.client_id)}.`))
  const found = await Promise.all(own.map((name) => readKept(keeper, join(keeper.tokens_folder, name))))
  return found.filter((kept) => kept !== null)
}

export async function dropToken(keeper: Keeper, scope: string): Promise<void> {
  await rm(fileOf(keeper, scope), { force: true })
}

async function readKept({ admin_url, client_id }: Keeper, file: string): Promise<KeptToken | null> {
  const text = await readFile(file, 'utf8').catch(() => '')
  const kept = FORM.safeParse(jsonIn(text)).data
  if (!kept || kept.admin_url !== admin_url || kept.client_id !== client_id) return null
  return kept.expires_at - MARGIN_MS > Date.now() ? kept : null
}

function fileOf({ tokens_folder, admin_url, client_id }: Keeper, scope: string): string {
  return join(tokens_folder, `${digest(admin_url, client_id)}.${digest(scope)}`)
}

function digest(...parts: string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 24)
}
