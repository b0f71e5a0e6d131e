import { readWrappingKids } from '../../../shared/accounts/person-keys.ts'
import { giveUpLostKeys, type RewrapPage, rewrapPage } from '../../../shared/accounts/rewrap.ts'
import { OperatorError } from '../../../shared/config/operator-error.ts'
import type { Settings } from '../../../shared/config/settings.ts'
import type { Progress } from '../../../shared/event-log/fold-log.ts'
import { ledgerIdOf } from '../../../shared/process/ledger-id.ts'
import type { Parts } from '../../../shared/process/open-parts.ts'
import { introduceKeys } from '../../../shared/process/soundness/introduce-key.ts'
import { heldKeys, knownKeys } from '../../../shared/process/soundness/key-soundness.ts'
import { readModelInUse } from '../../../shared/read-model/versions/read-models.ts'
import { wrappingProblem } from '../../admin/keys/rewrap-keys.ts'
import { runningService } from './find-service.ts'
import { jsonOf, type ServiceAccess, serviceRequests } from './service-access.ts'

/** `kid`: the one that the pages before were wrapped under. */
type Asked = { after: string | null; kid: number | undefined }

/** Wraps one page of the keys of persons anew. OperatorError with the reason where that is refused. */
export type RewrapSource = (asked: Asked) => Promise<RewrapPage>

/** `left`: keys that need one which is not here; `keepsComing`: some process still wraps with another key. */
export type Rewrapped = { kid: number; rewrapped: number; left: number; keeps_coming: boolean }

/** Passes over all keys. Only a process that still has an older key first can need more than two. */
const MAX_PASSES = 10

/** Wraps every key anew, pass after pass until one finds none. Repeatable, resumable. */
export async function rewrapAll(source: RewrapSource, progress: Progress): Promise<Rewrapped> {
  let [rewrapped, total, kid] = [0, 0, undefined as number | undefined]
  for (let pass = 1; ; pass++) {
    let [done, left, after] = [0, 0, null as string | null]
    do {
      const page = await source({ after, kid })
      kid = page.kid
      total += page.total ?? 0
      done += page.done
      left += page.left
      after = page.next
      progress(rewrapped + done, Math.max(total, rewrapped + done), 'keys')
    } while (after !== null)
    rewrapped += done
    if (done === 0 || pass === MAX_PASSES) return { kid, rewrapped, left, keeps_coming: done > 0 }
    total = rewrapped
  }
}

/** The service that is named or runs here; `null` = none, so that the host does it. */
export async function rewrapService(env: NodeJS.ProcessEnv): Promise<RewrapSource | null> {
  return remote(await runningService(env))
}

function remote(access: ServiceAccess | null): RewrapSource | null {
  if (!access) return null
  const request = serviceRequests(access, 'ledger.admin')
  return async (body) => jsonOf<RewrapPage>(await request('/admin/keys/rewrap', { method: 'POST', body }))
}

/**
 * By the log and the database themselves, with the keys of these settings. `lost`: whatever is wrapped under a kid that
 * is not here is given up first. OperatorError without secrets, and where a key is another one than the log knows.
 */
export async function rewrapOnHost(parts: Parts, settings: Settings, lost: boolean): Promise<RewrapSource> {
  const ledger_id = await ledgerIdOf(parts.knex)
  const held = settings.SECRETS_SYSTEM ? heldKeys(settings, ledger_id) : null
  if (!held) throw new OperatorError('LEDGER_SECRETS_SYSTEM is not set: the keys are wrapped under it')
  const { keys } = held
  const read = { ...parts, schema: await readModelInUse(parts.knex, settings.READ_MODEL) }
  // Under a wrong key nobody could read a name any more.
  await introduceKeys(read, settings, held)
  if (lost) await giveUpLostKeys(parts.knex, keys)
  const problem = wrappingProblem({ keys: await knownKeys(read) }, keys.current)
  const others = [...(await readWrappingKids(parts.knex)).keys()].filter((kid) => kid !== keys.current)
  if (problem !== null && others.length > 0) throw new OperatorError(problem)
  return ({ after }) => rewrapPage(parts.knex, { keys, ledger_id }, after)
}
