import type { ExecutionContext } from 'ava'
import { replay } from '../../services/audit/replay/replay.ts'
import { verify } from '../../services/audit/verify/verify.ts'
import { parseToken } from '../../shared/tokens/token-string.ts'
import { inTime } from '../support/in-time.ts'
import { until } from '../support/waiting.ts'
import type { Credentials } from '../support/requests.ts'
import { present, type HonestClient, type Load } from './load.ts'
import { APPEND_TIMEOUT, type System } from './system.ts'

/** A client's answer is there at the latest this long after it asked. */
const limitMs = () => inTime((APPEND_TIMEOUT + 1) * 1000)
/** Of pino. */
const ERROR = 50

type Expected = {
  as: Credentials
  /** Where the answering process itself was killed, its clients lose connections. */
  lostConnections?: boolean
}

/**
 * What must be true after any outage: clients saw nothing but 200 and timely 503s, every one of them refreshes again
 * with its last token, no grant was killed, what was acknowledged is in the log and in the read model, and the two are
 * equal.
 */
export async function assertNobodyWasHurt(
  t: ExecutionContext,
  { ledger, load }: { ledger: System; load: Load },
  { as, lostConnections = false }: Expected,
): Promise<void> {
  await load.stop()
  await ledger.ready()
  assertAnswers(t, { ledger, load }, lostConnections ? [0, 200, 503] : [200, 503])
  await Promise.all(load.clients.map((client) => assertRefreshes(t, client, { ledger, as })))
  for (const client of load.clients) assertInOrder(t, client, ledger)
  await assertInLog(t, load, ledger)
  await assertInReadModel(t, load, ledger)
  t.deepEqual(await differenceOf(ledger), null)
}

/** The first difference between the log and the read model; both may be written meanwhile. */
export async function differenceOf({ runtime }: System): Promise<unknown> {
  return (await verify(runtime)).difference
}

function assertAnswers(t: ExecutionContext, { ledger, load }: { ledger: System; load: Load }, allowed: number[]): void {
  const all = load.clients.flatMap(({ seen }) => seen)
  const strange = all.filter(({ status }) => !allowed.includes(status))
  const errors = ledger.endpoints.flatMap(({ logs }) => logs).filter(({ level }) => Number(level) >= ERROR)
  if (strange.length > 0) t.log(errors.slice(0, 5))
  t.deepEqual(strange.slice(0, 5), [], `${strange.length} of ${all.length} answers`)
  const silent = all.filter(({ status, retryAfter }) => status === 503 && !(Number(retryAfter) >= 1))
  t.deepEqual(silent.slice(0, 5), [], 'without Retry-After')
  const limit = limitMs()
  const late = all.filter(({ status, ms }) => status > 0 && ms > limit)
  t.deepEqual(late.slice(0, 5), [], `later than ${limit} ms`)
}

async function assertRefreshes(
  t: ExecutionContext,
  client: HonestClient,
  { ledger, as }: { ledger: System; as: Credentials },
): Promise<void> {
  const { refresh_token } = client.pair
  const { url = '' } = ledger.endpoints[0] ?? {}
  // 503 is no refusal, but it must end.
  await until(async () => (await present(client, as, url)).status !== 503, 'an answer')
  const last = client.seen.at(-1)
  t.is(last?.status, 200, JSON.stringify(last?.body))
  t.not(client.pair.refresh_token, refresh_token)
}

/** Each pair is of the generation after the one before it: no chain was forked, and none was skipped. */
function assertInOrder(t: ExecutionContext, { grant_id, acknowledged }: HonestClient, { keys }: System): void {
  const told = acknowledged.map(({ access_token, refresh_token }) => {
    const [at, rt] = [parseToken(keys, access_token), parseToken(keys, refresh_token)]
    return at?.grant_id === grant_id && rt?.grant_id === grant_id && at.generation === rt.generation
      ? rt.generation
      : null
  })
  t.deepEqual(
    told,
    acknowledged.map((_, n) => n + 2),
    grant_id,
  )
}

async function assertInLog(t: ExecutionContext, { clients }: Load, { runtime }: System): Promise<void> {
  const refreshed = new Map<string, number[]>(clients.map(({ grant_id }) => [grant_id, []]))
  const ended: unknown[] = []
  for await (const { grant_id, type, verdict, event } of replay(runtime, {})) {
    const generations = refreshed.get(grant_id ?? '')
    if (!generations || verdict !== 'valid') continue
    if (event?.type === 'TokenRefreshed') generations.push(event.data.refresh_generation)
    else if (type !== 'TokenIssued') ended.push({ grant_id, type })
  }
  t.deepEqual(ended, [], 'a grant was killed')
  for (const { grant_id, acknowledged } of clients) {
    // The last answer took the newest: there is no generation that nobody was given.
    t.deepEqual(
      refreshed.get(grant_id),
      acknowledged.map((_, n) => n + 2),
      grant_id,
    )
  }
}

async function assertInReadModel(t: ExecutionContext, { clients }: Load, { runtime }: System): Promise<void> {
  const { knex, schema } = runtime
  const rows = await knex
    .withSchema(schema)
    .from('grants')
    .whereIn(
      'grant_id',
      clients.map(({ grant_id }) => grant_id),
    )
    .select<{ grant_id: string; status: string; refresh_generation: number }[]>(
      'grant_id',
      'status',
      'refresh_generation',
    )
  const standing = new Map(rows.map((row) => [row.grant_id, `${row.status} ${row.refresh_generation}`]))
  for (const { grant_id, acknowledged } of clients) {
    t.is(standing.get(grant_id), `live ${acknowledged.length + 1}`, grant_id)
  }
}
