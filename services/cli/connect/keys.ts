import { readPepperedKids } from '../../../shared/accounts/passwords/passwords.ts'
import { readWrappingKids } from '../../../shared/accounts/person-keys.ts'
import { loadSettings } from '../../../shared/config/load-settings.ts'
import { OperatorError } from '../../../shared/config/operator-error.ts'
import { closing, openExisting } from '../../../shared/process/open-parts.ts'
import { readModelInUse } from '../../../shared/read-model/versions/read-models.ts'
import { runtimeOf } from '../../../shared/process/runtime.ts'
import { countText, createKeyUseReader } from '../../../shared/read-model/key-uses/key-uses.ts'
import { createTokenReader } from '../../../shared/read-model/reads/tokens.ts'
import { readKeys } from '../../../shared/read-model/reads/keys.ts'
import { FIRST_ANOTHER, keyInUse, type KeyInUse } from '../../admin/keys/key-in-use.ts'
import { retireKey, type Retirement } from '../../admin/keys/retire-key.ts'
import { type RevokedPage, revokeGrantsOfKey } from '../../admin/keys/revoke-key.ts'
import { configuredKeys, quietLogger, serviceAccess } from './find-service.ts'
import { countOwn, logout } from './logout.ts'
import { type Connected, jsonOf, type ServiceAccess, serviceRequests } from './service-access.ts'

/** What `keys revoke` asks for, and what it must know of the command line's own tokens: they are no user's. */
export type KeyAccess = KeySource & {
  /** How many of them were made with this key and live. */
  countOwn(kid: number): Promise<number>
  /** Ends those, so that the next request brings a token of another key. */
  endOwn(kid: number): Promise<number>
}

/** A key as it is used, and how to end what was made with it. */
export type KeySource = {
  /** What revoking this key would end. */
  inUse(kid: number): Promise<KeyInUse>
  /** Ends one page of its grants. OperatorError while new tokens are made with it. */
  revokePage(kid: number, after: string | null): Promise<RevokedPage>
  /** Retires it, and tells what still bears its kid. OperatorError with the reason when that is refused. */
  retire(retirement: Retirement): Promise<KeyInUse>
}

/**
 * The service at LEDGER_ADMIN_URL, which asks for an administrator's rights; in dev mode the one that runs here; else
 * the log and the read model themselves, for whom `serve` cannot be started any more because the key is lost.
 */
export async function connectKeys(env: NodeJS.ProcessEnv = process.env): Promise<Connected<KeyAccess>> {
  const access = await serviceAccess(env)
  return access ? { source: remoteKeys(access), close: () => Promise.resolve() } : connectDirectly(env)
}

function remoteKeys(access: ServiceAccess): KeyAccess {
  const request = serviceRequests(access, 'ledger.admin')
  return {
    countOwn: (kid) => countOwn(access, kid),
    endOwn: (kid) => logout(access, kid),
    inUse: async (kid) => jsonOf<KeyInUse>(await request(`/admin/keys/${kid}`)),
    revokePage: async (kid, after) =>
      jsonOf<RevokedPage>(await request(`/admin/keys/${kid}/revoke`, { method: 'POST', body: { after } })),
    retire: async ({ kid, lost }) =>
      jsonOf<KeyInUse>(await request(`/admin/keys/${kid}/retire`, { method: 'POST', body: { lost } })),
  }
}

// Nobody was authenticated: whoever has the database and the log may write whatever he likes.
const BY_OPERATOR = { revoked_by: { type: 'system', id: 'keys' }, context: { actor: 'system/keys' } } as const

async function connectDirectly(env: NodeJS.ProcessEnv): Promise<Connected<KeyAccess>> {
  const settings = loadSettings(env, 'none')
  const logger = quietLogger(env, settings)
  const parts = await openExisting(settings, logger)
  const schema = await readModelInUse(parts.knex, settings.READ_MODEL).catch(closing(parts))
  const runtime = runtimeOf({ ...parts, schema }, settings, null, logger)
  const keyUses = createKeyUseReader(runtime)
  const tokens = createTokenReader(runtime)
  const { commit, waiter, topics } = runtime
  const revoker = { keyUses, tokens, commit, waiter, topics, timeoutMs: settings.APPEND_TIMEOUT * 1000 }
  const here = configuredKeys(settings)?.kids ?? []
  const wrappingKids = () => readWrappingKids(parts.knex)
  const pepperedKids = () => readPepperedKids(parts.knex, schema)
  const retirer = { ...revoker, knownKeys: () => readKeys(runtime), wrappingKids, pepperedKids, here }
  const source: KeyAccess = {
    // Whoever asks the log itself has no token.
    countOwn: () => Promise.resolve(0),
    endOwn: () => Promise.resolve(0),
    inUse: (kid) => keyInUse(retirer, kid),
    revokePage: async (kid, after) => {
      if (kid === here[0]) throw new OperatorError(`kid ${kid} is current here: ${FIRST_ANOTHER}`)
      return revokeGrantsOfKey(revoker, { kid, after }, BY_OPERATOR)
    },
    retire: async (retirement) => {
      const { key, refused } = await retireKey(retirer, retirement, BY_OPERATOR.context)
      if (refused !== undefined) throw new OperatorError(refused)
      return key
    },
  }
  return { source, close: () => parts.close() }
}

/** What is told while a key is being revoked; the caller decides where. */
export type Tell = (line: string) => void

/** `left`: whether there were still grants when it gave up. */
export type KeyRevoked = { revoked: number; left: boolean }

/** Passes over all grants. Only a process that still makes tokens with the key can need more than two. */
const MAX_PASSES = 10

/**
 * Ends every grant that has something living of this key, pass after pass until one finds none. Repeatable, resumable.
 */
export async function revokeWholeKey(source: KeySource, kid: number, tell: Tell): Promise<KeyRevoked> {
  const before = await source.inUse(kid)
  let revoked = 0
  for (let pass = 1; pass <= MAX_PASSES; pass++) {
    const found = await revokePass(source, kid, (count) => {
      tell(`ended ${revoked + count} grants${pass === 1 ? ` of about ${countText(before.grants, before)}` : ''}`)
    })
    revoked += found
    if (found === 0) return { revoked, left: false }
    if (pass > 1) tell(`${found} of them had got tokens of kid ${kid} meanwhile: some process still has it first`)
  }
  return { revoked, left: true }
}

async function revokePass(source: KeySource, kid: number, tell: (count: number) => void): Promise<number> {
  let count = 0
  let after: string | null = null
  do {
    const page: { revoked: number; next: string | null } = await source.revokePage(kid, after)
    count += page.revoked
    if (page.revoked > 0) tell(count)
    after = page.next
  } while (after !== null)
  return count
}
