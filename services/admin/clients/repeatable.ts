import type { Bearer } from '../../../shared/callers/require-right.ts'
import type { HttpContext } from '../../../shared/http/context.ts'
import { OAuthError } from '../../../shared/http/oauth-error.ts'
import { secretsOf, usesSecret } from '../../../shared/ledger/client.ts'
import type { Client } from '../../../shared/ledger/events.ts'
import type { RegistryEntity } from '../../../shared/ledger/registry/state.ts'
import { generateClientSecret, provenSecret, repeatableClientSecret } from '../../../shared/tokens/client-secret.ts'
import type { Keys } from '../../../shared/tokens/keys.ts'
import type { Admin } from '../admin.ts'
import type { Repeatable } from '../idempotency-key.ts'
import type { Change } from '../registry/write.ts'
import { writeOnce } from '../registry/write-once.ts'

/** What a client proves itself with, in the one answer that tells it (RFC 7591 §3.2.1; 0 = it does not expire). */
export type Credentials = { client_secret?: string; client_secret_expires_at?: number }

/** A new secret: a random one, or the one that everybody makes who repeats this request. */
export function newSecret(keys: Keys, { key, ...made }: Repeatable): string {
  if (key === null) return generateClientSecret()
  const secret = repeatableClientSecret(keys, keys.current, { key, ...made })
  if (secret === null) throw new Error(`no key for repeated requests under kid ${keys.current}`)
  return secret
}

/** A write of one client that its sender may repeat; `secret`: the new one, `null` = it makes none. */
export type Once = { change: Change; request: Repeatable; secret: string | null }

type Written = { entity: RegistryEntity; credentials: Credentials }

/**
 * Writes a client, or answers again what an equal request has made, with the same secret. OAuthError: as `writeOnce`;
 * 409 where that secret is valid no more.
 */
export async function writeClientOnce(
  admin: Admin,
  ctx: HttpContext,
  bearer: Bearer,
  { change, request, secret }: Once,
): Promise<Written> {
  const { entity, madeAt } = await writeOnce(admin, ctx, bearer, { change, request })
  if (madeAt === null) return { entity, credentials: credentialsOf(secret) }
  if (entity.kind !== 'client' || !entity.value) throw new Error('what was made is no client')
  return { entity, credentials: madeCredentials(admin.keys, { client: entity.value, request, now: madeAt }) }
}

type MadeSecret = { client: Client; request: Repeatable; now: number }

function madeCredentials(keys: Keys, { client, request: { key, ...made }, now }: MadeSecret): Credentials {
  if (!usesSecret(client) || key === null) return {}
  for (const stored of secretsOf(client, now)) {
    const secret = repeatableClientSecret(keys, stored.kid, { key, ...made })
    if (secret !== null && provenSecret(keys, secret, [stored]))
      return credentialsOf(secret, stored === client.secret ? 0 : client.previous_secret?.expires_at)
  }
  throw new OAuthError('conflict', 'the client was changed since: its secret is not the one of this Idempotency-Key')
}

function credentialsOf(secret: string | null, client_secret_expires_at = 0): Credentials {
  return secret === null ? {} : { client_secret: secret, client_secret_expires_at }
}
