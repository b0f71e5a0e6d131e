import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { EXIT, OperatorError } from '../../../../shared/config/operator-error.ts'
import { jsonOf, type ServiceAccess, serviceRequests } from '../../connect/service-access.ts'
import type { Noun } from './noun.ts'

/** What the service shows of one. */
export type Entity = Record<string, unknown>

type Sent = { method: 'POST' | 'PUT' | 'PATCH' | 'DELETE'; body?: unknown; headers?: Record<string, string> }

/** What the verbs of administration ask a service for. OperatorError with what it says where it refuses. */
export type Administration = {
  read(noun: Noun, id: string): Promise<Entity>
  /** The pages of a list, one after the other as they are asked for; `limit`: how many entities at most. */
  pages(noun: Noun, query: Record<string, string>, limit: number): AsyncGenerator<Entity[]>
  send(path: string, sent: Sent): Promise<Entity>
  /** The same for a revision: where another is there, OperatorError says which, and what to do. */
  sendFor(revision: Revision, sent: Sent): Promise<Entity>
  /** A POST that makes the same whenever it is repeated under this key; repeated by itself where its answer is lost. */
  sendOnce(path: string, body: unknown, once: Once): Promise<Entity>
}

/** `given`: as it was said on the command line. */
export type Revision = { noun: Noun; id: string; given: string | undefined }
export type Once = { key: string | undefined; headers?: Record<string, string>; again: string }

const MAX_PAGE = 1000
const TRIES = 3
const BETWEEN_TRIES_MS = 500

export const pathOf = ({ plural }: Noun, id?: string) =>
  `/admin/${plural}${id === undefined ? '' : `/${encodeURIComponent(id)}`}`

/** Requests to the admin port of a service, with the command line's own token. */
export function administration(access: ServiceAccess): Administration {
  const request = serviceRequests(access, 'ledger.admin')
  const send = async (path: string, sent: Sent) => entityIn(await request(path, sent))
  const read = async (noun: Noun, id: string) => jsonOf<Entity>(await request(pathOf(noun, id)))
  return {
    read,
    pages: (noun, query, limit) => pagesOf((path) => request(path), noun, { query, limit }),
    send,
    sendFor: async ({ noun, id, given }, { headers, ...sent }) => {
      const etag = given === undefined ? etagOf((await read(noun, id))['revision']) : etagOf(given)
      const response = await request(pathOf(noun, id), { ...sent, headers: { ...headers, 'if-match': etag } })
      if (response.status !== 412) return entityIn(response)
      await response.body?.cancel()
      throw new OperatorError(notTheRevision(noun, id, { etag, now: (await read(noun, id))['revision'] }))
    },
    sendOnce: async (path, body, { key = randomUUID(), headers, again }) => {
      const once = () => send(path, { method: 'POST', body, headers: { ...headers, 'idempotency-key': `"${key}"` } })
      return repeated(once, `it may have been done: ${again} --idempotency-key ${key} does it once`)
    },
  }
}

/** `7` as an ETag; one that is an ETag already as it is. */
export function etagOf(revision: unknown): string {
  return /^\d+$/.test(String(revision)) ? `"${String(revision)}"` : String(revision)
}

function notTheRevision({ one, plural }: Noun, id: string, { etag, now }: { etag: string; now: unknown }): string {
  return `${one} ${id} is at revision ${String(now)}, and not at ${etag}: see "${plural} get" for what it is now, and repeat`
}

/** What a write answers; `{}` where that is nothing. */
async function entityIn(response: Response): Promise<Entity> {
  return response.status === 204 ? {} : jsonOf<Entity>(response)
}

async function repeated(send: () => Promise<Entity>, hint: string): Promise<Entity> {
  for (let tries = 1; ; tries++) {
    try {
      return await send()
    } catch (error) {
      if (!(error instanceof OperatorError) || error.exitCode !== EXIT.unreachable) throw error
      if (tries === TRIES)
        throw new OperatorError(`${error.message}; ${hint}`, { exitCode: EXIT.unreachable, cause: error })
      await pause(BETWEEN_TRIES_MS)
    }
  }
}

type Asked = { query: Record<string, string>; limit: number }

async function* pagesOf(
  get: (path: string) => Promise<Response>,
  noun: Noun,
  { query, limit }: Asked,
): AsyncGenerator<Entity[]> {
  const first = new URLSearchParams({ ...query, limit: String(Math.min(limit, MAX_PAGE)) }).toString()
  let left = limit
  for (let next: string | null = first; next !== null && left > 0;) {
    const response: Response = await get(`${pathOf(noun)}?${next}`)
    const page = (await jsonOf<Record<string, Entity[]>>(response))[noun.plural] ?? []
    yield page.slice(0, left)
    left -= page.length
    next = nextIn(response.headers.get('link'))
  }
}

/** The query of the next page (RFC 8288). */
function nextIn(link: string | null): string | null {
  return /<[^>?]*\?([^>]*)>; *rel="next"/.exec(link ?? '')?.[1] ?? null
}
