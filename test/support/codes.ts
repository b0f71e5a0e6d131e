import { randomBytes } from 'node:crypto'
import { v7 as uuidv7 } from 'uuid'
import { readRegistry } from '../../shared/event-log/registry-log.ts'
import { authorizeGrant, type AuthorizeCommand } from '../../shared/ledger/grant/commands/authorize.ts'
import { requireKeys, type Runtime } from '../../shared/process/runtime.ts'
import { NO_VIEW } from '../../shared/read-model/commit/commit.ts'
import { s256 } from '../../shared/tokens/pkce.ts'
import { formatToken } from '../../shared/tokens/token-string.ts'
import type { Seeds } from './ledger-seeds.ts'
import type { Answer, Credentials, Requests } from './requests.ts'
import { until } from './waiting.ts'

export const CALLBACK = 'https://app.example/callback'

/** What makes a client one that exchanges codes. */
export const CODE_CLIENT = {
  grant_types: ['authorization_code', 'refresh_token'],
  redirect_uris: [CALLBACK],
}

/** A code as a client holds it, with what the exchange needs. */
export type Code = { grant_id: string; sub: string; form: Record<string, string> }

type Given = { to: Credentials; sub?: string; pkce?: 'S256' | 'none' } & Partial<
  Pick<AuthorizeCommand, 'redirect_uri' | 'code_lifetime'>
>

/** Authorizes a client for a user, a new one unless given; a verifier is in the form unless `pkce: 'none'`. */
export async function authorize(
  { runtime, user }: { runtime: Runtime } & Pick<Seeds, 'user'>,
  { to, pkce = 'S256', redirect_uri = CALLBACK, code_lifetime = 600, ...given }: Given,
): Promise<Code> {
  const { log, topics, commit } = runtime
  const sub = given.sub ?? (await user())
  const entity = (await readRegistry(log, topics)).get(`client/${to.client_id}`)
  if (entity?.kind !== 'client' || !entity.value) throw new Error('there is no such client')
  const [bound] = await log.bounds([topics.registry])
  const [grant_id, code_verifier, keys] = [uuidv7(), randomBytes(32).toString('base64url'), requireKeys(runtime)]
  const { event, refused } = authorizeGrant({
    grant_id,
    client: entity.value,
    principal: { type: 'user', id: sub },
    scope: null,
    redirect_uri,
    code_challenge: pkce === 'none' ? null : s256(code_verifier),
    code_challenge_method: pkce === 'none' ? null : pkce,
    code_lifetime,
    registry_position: bound?.end ?? 0,
    kid: keys.current,
    pkce: { isRequired: false, isPlainAllowed: false },
  })
  if (refused) throw new Error(`the code was refused: ${refused.description}`)
  await commit(event, { actor: 'system/test' }, NO_VIEW)
  const form = {
    grant_type: 'authorization_code',
    code: formatToken(keys, 'ac', { kid: keys.current, grant_id, generation: 0 }),
    ...(redirect_uri !== null && { redirect_uri }),
    ...(pkce !== 'none' && { code_verifier }),
  }
  return { grant_id, sub, form }
}

export const exchange = (
  { post }: Pick<Requests, 'post'>,
  as: Credentials,
  { form }: Pick<Code, 'form'>,
  over: Record<string, string | undefined> = {},
): Promise<Answer> => post('/oauth2/token', withoutAbsent({ ...form, ...over }), { as })

/** Resolves when the code of this grant has expired by the database's clock. */
export async function untilExpired({ runtime: { knex, schema } }: { runtime: Runtime }, grant_id: string) {
  await until(async () => {
    const { rows } = await knex.raw<{ rows: { past: boolean }[] }>(
      `SELECT now() >= dead_at AS past FROM ${schema}.grants WHERE grant_id = ?`,
      [grant_id],
    )
    return rows[0]?.past === true
  }, 'an expired code')
}

function withoutAbsent(form: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(form).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  )
}
