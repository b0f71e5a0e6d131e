import { randomBytes } from 'node:crypto'
import type { ExecutionContext } from 'ava'
import { decodeEvent } from '../../shared/event-log/event-codec.ts'
import type { LedgerEvent } from '../../shared/ledger/events.ts'
import type { Runtime } from '../../shared/process/runtime.ts'
import { readAll } from '../event-log/reading.ts'
import { seeded } from '../support/kept-logs.ts'
import * as support from '../support/ledger.ts'
import type { Answer } from '../support/requests.ts'

type Sent = { token?: string | undefined; body?: unknown; headers?: Record<string, string> }
export type Credentials = { client_id: string; client_secret: string }

export const ROOT: Credentials = { client_id: 'root', client_secret: randomBytes(32).toString('base64url') }

/** A ledger with the bootstrap administrator `root`, and what administrators do with it. */
export async function startLedger(
  t: Pick<ExecutionContext, 'teardown'>,
  options: Pick<support.LedgerOptions, 'sentTwice' | 'settings' | 'brokers' | 'services'> = {},
) {
  const settings = {
    BOOTSTRAP_CLIENT_ID: ROOT.client_id,
    BOOTSTRAP_CLIENT_SECRET: ROOT.client_secret,
    LOG_LEVEL: 'trace',
  }
  const ledger = await support.startLedger(t, {
    services: ['token-endpoint', 'projector', 'admin'],
    ...options,
    settings: { ...settings, ...options.settings },
  })
  const send = (method: string, path: string, { token, body, headers = {} }: Sent = {}): Promise<Answer> =>
    ledger.admin.send(path, {
      method,
      headers: {
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
  const tokenOf = async (client: Credentials): Promise<string> => {
    const { status, body } = await ledger.post('/oauth2/token', { grant_type: 'client_credentials' }, { as: client })
    if (status !== 200) throw new Error(`no token for ${client.client_id}: ${status}`)
    return String(body['access_token'])
  }
  const root = await tokenOf(ROOT)
  const created = async (answer: Answer): Promise<Answer> => {
    if (answer.status !== 201) throw new Error(`not created: ${answer.status} ${JSON.stringify(answer.body)}`)
    return answer
  }
  const make = async (path: string, body: unknown): Promise<Answer> =>
    created(await send('PUT', path, { token: root, body, headers: { 'if-none-match': '*' } }))
  const register = async (body: unknown): Promise<Credentials> => {
    const { body: client } = await created(await send('POST', '/admin/clients', { token: root, body }))
    seeded(String(client['client_secret']))
    return client as Credentials
  }
  return { ...ledger, send, tokenOf, root, make, register, events: () => allEvents(ledger.runtime) }
}

export type Ledger = Awaited<ReturnType<typeof startLedger>>

/** Every event that the log holds, the registry's first. */
async function allEvents({ log, topics }: Runtime): Promise<LedgerEvent[]> {
  const places = await log.bounds([topics.registry, topics.grants])
  const records = await Promise.all(places.map((place) => readAll(log, place)))
  return records.flat().map(({ value }) => decodeEvent(value))
}
