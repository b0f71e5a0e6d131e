import { placeText } from '../../../shared/event-log/places.ts'
import { readPartitionHealth } from '../../../shared/read-model/partition-health.ts'
import { createKeyUseReader, type KeyUse } from '../../../shared/read-model/reads/key-uses.ts'
import type { AuditSource } from './status-source.ts'
import type { ReadModel } from '../../../shared/read-model/read-model.ts'

/** One key: whether it is there, what needs it, and what to do next. */
export type KeyStatus = {
  kid: number
  /** `null` = not known, because the process that was asked has no secrets. */
  configured: boolean | null
  /** Whether new tokens are made with it. */
  current: boolean | null
  grants: number
  refresh_tokens: number
  access_tokens: number
  authorization_codes: number
  client_secrets: number
  /** The clients whose secret needs it. */
  clients: string[]
  /** RFC 3339. When the latest token was made with it, as far as the read model still has one. */
  last_token_made: string | null
  /** RFC 3339: when the last token of it ends by itself; `never`; `null` = none lives. */
  last_token_ends: string | null
  /** Something that lives needs it, and it is not configured. */
  missing: boolean
  /** What to do, in a sentence. */
  next: string
}

/**
 * `problem`: why the read model may not show everything, so that nothing may be concluded from what it does not show.
 */
export type KeysStatus = { well: boolean; problem: string | null; keys: KeyStatus[] }

type Source = Pick<AuditSource, 'knex' | 'schema' | 'topics' | 'kids' | 'maxLagMs'>

/**
 * Every key that is configured, or that something living needs. Well = none is missing, and the read model is complete.
 */
export async function keysStatus({ kids, maxLagMs, ...readModel }: Source): Promise<KeysStatus> {
  // Their health first: what is read after it is not older.
  const problem = await incomplete(readModel, maxLagMs)
  const uses = await createKeyUseReader(readModel).uses()
  const unused = (kids ?? []).filter((kid) => !uses.some((use) => use.kid === kid)).map(unusedKey)
  const keys = [...uses, ...unused]
    .filter((use) => isNeeded(use) || kids === null || kids.includes(use.kid))
    .sort((a, b) => a.kid - b.kid)
    .map((use) => statusOf(use, kids))
  return { well: problem === null && keys.every(({ missing }) => !missing), problem, keys }
}

async function incomplete(readModel: ReadModel, maxLagMs: number) {
  const behind = (await readPartitionHealth(readModel)).find(
    ({ status, lag_ms }) => status !== 'ok' || lag_ms === null || lag_ms > maxLagMs,
  )
  if (!behind) return null
  const { status, status_reason, lag_ms } = behind
  const age =
    lag_ms === null ? 'it was never known to be complete' : `it was last complete ${Math.round(lag_ms / 1000)} s ago`
  return `${placeText(behind)}: ${status === 'ok' ? age : (status_reason ?? status)}`
}

function unusedKey(kid: number): KeyUse {
  const none = { grants: 0, refresh_tokens: 0, access_tokens: 0, authorization_codes: 0 }
  return { kid, ...none, clients: [], ends: null, last_made: null }
}

function isNeeded({ grants, clients }: KeyUse): boolean {
  return grants > 0 || clients.length > 0
}

function statusOf(use: KeyUse, kids: readonly number[] | null): KeyStatus {
  const { ends, last_made, clients, ...counts } = use
  const configured = kids && kids.includes(use.kid)
  const current = kids && kids[0] === use.kid
  return {
    ...counts,
    configured,
    current,
    client_secrets: clients.length,
    clients,
    last_token_made: last_made === null ? null : timeOf(last_made),
    last_token_ends: ends === null ? null : timeOf(ends),
    missing: configured === false && isNeeded(use),
    next: nextStep(use, { configured, current }),
  }
}

function nextStep(use: KeyUse, { configured, current }: Pick<KeyStatus, 'configured' | 'current'>): string {
  const { kid, grants, clients, last_made } = use
  const secrets = `the secrets of ${clients.length} clients`
  if (current) return `kid ${kid} is current: new tokens are made with it`
  if (configured === false) {
    const end = [
      ...(grants > 0 ? [`end ${grants} grants with "keys revoke --kid ${kid}"`] : []),
      ...(clients.length > 0 ? [`give ${clients.length} clients a new secret`] : []),
    ]
    return `kid ${kid} IS MISSING: put its key back, or ${end.join(' and ')}`
  }
  if (isNeeded(use)) {
    const needs = [
      ...(grants > 0 ? [untilWhen(use.ends)] : []),
      ...(clients.length > 0 ? [`by ${secrets} until each has a new one`] : []),
    ]
    return `kid ${kid} is needed ${needs.join(', and ')}`
  }
  if (last_made === null) return `kid ${kid} is not used yet: put it first once every process has it`
  return `kid ${kid} may be removed`
}

function untilWhen(ends: number | null): string {
  return ends === Infinity ? 'for ever, by tokens that do not expire' : `until ${timeOf(ends ?? 0)}`
}

/** Rounded up: what is needed until then must not be gone a moment earlier. */
function timeOf(seconds: number): string {
  return seconds === Infinity ? 'never' : new Date(Math.ceil(seconds) * 1000).toISOString().replace('.000', '')
}
