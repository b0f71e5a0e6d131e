import { PERSONAL_HEADER, UNKNOWN_GRANT } from '../../audit/app.ts'
import type { Audit, ReplayAsked, Telling } from '../../audit/audit.ts'
import type { Personal, ShownEntry } from '../../audit/people/shown-entry.ts'
import type { GrantLife } from '../../audit/replay/grant-life.ts'
import type { KeysStatus } from '../../audit/status/keys-status.ts'
import type { ProjectionStatus } from '../../audit/status/projection-status.ts'
import type { VerifyReport } from '../../audit/verify/verify.ts'
import { jsonOf, said, serviceRequests, type ServiceAccess, unreachable } from './service-access.ts'

/** Audits through a running service, with a token of its own (client_credentials, scope `ledger.audit`). */
export function remoteAudit(access: ServiceAccess): Audit {
  const get = serviceRequests(access, 'ledger.audit')
  return {
    replay: (asked, telling) => replayOf(() => get(`/audit/events?${queryOf(asked)}`), telling),
    life: async (grant_id, { personal = false } = {}) => {
      const response = await get(`/audit/grants/${encodeURIComponent(grant_id)}${personal ? '' : '?personal=false'}`)
      // What is no audit service has nothing at this path, and knows of no grant.
      const isUnknown = response.status === 404 && (await response.clone().text()).includes(UNKNOWN_GRANT)
      return isUnknown ? null : jsonOf<GrantLife>(response)
    },
    verify: async () => jsonOf<VerifyReport>(await get('/audit/verify')),
    status: async () => jsonOf<ProjectionStatus>(await get('/audit/projection')),
    keys: async () => jsonOf<KeysStatus>(await get('/audit/keys')),
  }
}

async function* replayOf(get: () => Promise<Response>, telling: Telling = {}): AsyncGenerator<ShownEntry> {
  const response = await get()
  if (!response.ok || !response.body) return jsonOf(response)
  telling.personal?.(personalOf(response.headers.get(PERSONAL_HEADER)))
  for await (const line of linesOf(response.body)) if (line.trim() !== '') yield said<ShownEntry>(line, response)
}

const PERSONAL: readonly Personal[] = ['shown', 'not_asked', 'not_allowed', 'no_key']

/** A service that says nothing shows nobody. */
function personalOf(header: string | null): Personal {
  return PERSONAL.find((one) => one === header) ?? 'not_allowed'
}

async function* linesOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  try {
    for await (const chunk of body) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
      rest = lines.pop() ?? ''
      yield* lines
    }
  } catch (cause) {
    throw unreachable('the answer was cut short', cause)
  }
  if (rest.trim() !== '') throw unreachable('the answer was cut short')
}

function queryOf({ types, personal = false, ...filter }: ReplayAsked): string {
  const given = Object.entries({ ...filter, type: types?.join(','), personal: personal ? undefined : 'false' }).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  )
  return new URLSearchParams(given).toString()
}

/**
 * The copy of a person as its text, piece by piece. OperatorError where the service says no, or it is cut short.
 */
export async function* exportOf(access: ServiceAccess, sub: string): AsyncGenerator<string> {
  const get = serviceRequests(access, 'ledger.admin')
  const response = await get(`/audit/users/${encodeURIComponent(sub)}/export`)
  if (!response.ok || !response.body) return jsonOf(response)
  const decoder = new TextDecoder()
  let end = ''
  try {
    for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
      const text = decoder.decode(chunk, { stream: true })
      end = `${end}${text}`.slice(-2)
      yield text
    }
  } catch (cause) {
    throw unreachable('the copy was cut short', cause)
  }
  if (end !== '}\n') throw unreachable('the copy was cut short')
}
