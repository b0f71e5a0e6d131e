import type { KeyInUse } from '../../admin/keys/key-in-use.ts'
import type { KeysStatus, KeyStatus } from '../../audit/status/keys-status.ts'
import type { KeyRevoked } from '../connect/keys.ts'
import type { Rewrapped } from '../connect/rewrap.ts'
import { plainUsersText } from '../../../shared/process/soundness/plain-users.ts'
import { countText } from '../../../shared/read-model/key-uses/key-uses.ts'
import { dataText, type Format, type Look, type Text } from './formats.ts'
import { fit, plain, renderTable } from './table.ts'

/** What is told of all keys together, where a line is a key. */
export function concernsAll({ problem, plain_user_records }: KeysStatus): string[] {
  const stale = problem === null ? [] : [`the read model may be incomplete: ${problem}`]
  return plain_user_records > 0 ? [...stale, plainUsersText(plain_user_records)] : stale
}

/** Every key with what needs it and what to do next, as a table, one object, or one key a line. */
export function renderKeys(status: KeysStatus, format: Format, { width, colour }: Look): Text {
  const { well, problem, plain_user_records, keys } = status
  if (format !== 'table') return dataText({ well, problem, plain_user_records, keys }, format, keys)
  const head = width === null ? [...HEAD, 'latest token made', 'last token ends'] : [...HEAD, 'last ends']
  const rows = fit(
    head,
    keys.map((key) => [...cells(key), ...times(key, width === null)]),
    width,
  )
  const table = keys.length > 0 ? renderTable(head, rows, colour) : ''
  const stale = problem === null ? [] : [`THE READ MODEL MAY BE INCOMPLETE, remove no key: ${plain(problem)}`]
  const named = plain_user_records > 0 ? [plainUsersText(plain_user_records)] : []
  const lines = [...keys.map(({ next }) => next), ...named, ...stale]
  return `${table}${[...(keys.length > 0 ? [''] : []), ...lines].join('\n')}\n`
}

const HEAD = ['kid', 'key', 'in the log', 'grants', 'refresh', 'access', 'codes', 'secrets', 'people']

function cells(key: KeyStatus): string[] {
  const { kid, grants, refresh_tokens, access_tokens, authorization_codes, client_secrets, person_keys, capped } = key
  const counts = [grants, refresh_tokens, access_tokens, authorization_codes].map(
    (count) => `${count}${capped ? '+' : ''}`,
  )
  return [String(kid), here(key), key.state, ...counts, String(client_secrets), String(person_keys)]
}

/** The day it ends is enough for a table: the sentence below has the second. */
function times({ last_token_made, last_token_ends }: KeyStatus, whole: boolean): string[] {
  return whole ? [last_token_made ?? '-', last_token_ends ?? '-'] : [last_token_ends?.slice(0, 10) ?? '-']
}

function here({ configured, current, missing, differs }: KeyStatus): string {
  if (configured === null) return 'unknown'
  if (!configured) return missing ? 'MISSING' : '-'
  if (differs.length > 0) return 'ANOTHER'
  return current ? 'current' : 'configured'
}

const SHOWN_CLIENTS = 20

/** What revoking a key would end (`done` null), or has ended, and which client secrets it leaves as they are. */
export function renderRevoked(key: KeyInUse, done: KeyRevoked | null, format: Format): Text {
  if (format !== 'table') {
    const told = {
      ...key,
      dry_run: done === null,
      revoked: done?.revoked ?? 0,
      left: done ? done.left : key.grants > 0 || key.capped,
    }
    return dataText(told, format)
  }
  return `${[...(done ? ended(key, done) : wouldEnd(key)), ...notEnded(key)].join('\n')}\n`
}

function wouldEnd(key: KeyInUse): string[] {
  const { kid, grants, refresh_tokens, access_tokens, authorization_codes, capped } = key
  const parts = `${refresh_tokens} refresh tokens, ${access_tokens} access tokens, ${authorization_codes} codes of this key`
  const head = `kid ${kid}: revoking it would end ${countText(grants, key)} grants (${parts})`
  return grants > 0 || capped ? [head, 'Nothing was changed. Repeat with --yes to end them.'] : [head]
}

function ended({ kid }: KeyInUse, { revoked, left }: KeyRevoked): string[] {
  if (!left) return [`kid ${kid}: ${revoked} grants ended, and nothing made with it lives any more`]
  return [
    `kid ${kid}: ${revoked} grants ended, AND NEW ONES KEEP COMING: some process still makes tokens with it.`,
    'Put another key first in every process, restart them, and repeat.',
  ]
}

function notEnded({ kid, clients }: KeyInUse): string[] {
  if (clients.length === 0) return []
  return [
    `Client secrets do not end: those of ${clients.length} clients are stored under kid ${kid}. Give each a new one before the key is removed:`,
    ...shownClients(clients),
  ]
}

function shownClients(clients: string[]): string[] {
  const shown = clients.slice(0, SHOWN_CLIENTS).map((client_id) => `  ${plain(client_id)}`)
  const more = clients.length - shown.length
  return [...shown, ...(more > 0 ? [`  and ${more} more (--format json lists all)`] : [])]
}

const lateWrapped = (person_keys: number) =>
  `${person_keys} KEYS OF PERSONS WERE WRAPPED UNDER IT MEANWHILE, by a process that still has it first: keep it, restart that ` +
  'process with another key first, and run "keys rewrap".'

/** That a key was retired, and what bears its kid all the same. */
export function renderRetired(key: KeyInUse, format: Format): Text {
  if (format !== 'table') return dataText({ ...key, retired: true }, format)
  const { kid, grants, clients, person_keys } = key
  const late = `${grants} GRANTS GOT TOKENS OF IT MEANWHILE, from a process that still has it first: nobody can use these.`
  const cut = `The clients whose secret is stored under it cannot authenticate until each has a new one:`
  const lines = [
    `kid ${kid}: retired. Take it out of every process; its kid is never used again.`,
    ...(grants > 0 ? [late] : []),
    ...(person_keys > 0 ? [lateWrapped(person_keys)] : []),
    ...(clients.length > 0 ? [cut, ...shownClients(clients)] : []),
  ]
  return `${lines.join('\n')}\n`
}

/** How many keys of persons were wrapped anew, and whether that is all. */
export function renderRewrapped(told: Rewrapped, format: Format): Text {
  if (format !== 'table') return dataText(told, format)
  const { kid, rewrapped, left, keeps_coming } = told
  const lines = [
    `${rewrapped} keys are wrapped under key ${kid} now`,
    ...(left > 0 ? [`${left} KEYS STAY WRAPPED UNDER KEYS THAT ARE NOT HERE: put these back, and repeat`] : []),
    ...(keeps_coming ? ['OTHERS KEEP COMING: some process still has another key first; restart it, and repeat'] : []),
  ]
  return `${lines.join('\n')}\n`
}
