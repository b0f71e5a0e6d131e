import { type TestLedger } from './ledger.ts'
import { until } from './waiting.ts'
import type { Answer, Credentials, Requests } from './requests.ts'

/** One refresh over HTTP; `more`: further parameters. */
export const refresh = (
  { post }: Pick<Requests, 'post'>,
  as: Credentials,
  refresh_token: unknown,
  more: Record<string, string> = {},
): Promise<Answer> =>
  post('/oauth2/token', { grant_type: 'refresh_token', refresh_token: String(refresh_token), ...more }, { as })

/**
 * The refusal of a token that was spent longer ago than the grace. The grace stands still while the ledger does, which
 * on a machine that is slow enough happens by itself: until it has run out the spent token gets the pair that it got
 * first.
 */
export async function refuseSpent(ledger: TestLedger, as: Credentials, refresh_token: unknown): Promise<Answer> {
  let answer = await refresh(ledger, as, refresh_token)
  await until(async () => {
    if (answer.status === 200) answer = await refresh(ledger, as, refresh_token)
    return answer.status !== 200
  }, 'a refusal')
  return answer
}

/** The grant's events, each with its verdict. */
export const typesOf = async ({ eventsOf }: Pick<TestLedger, 'eventsOf'>, grant_id: string): Promise<string[]> =>
  (await eventsOf(grant_id)).map(({ type, verdict }) => `${type} ${verdict}`)

/** Resolves when the database's clock says that this generation was projected longer ago than `seconds`. */
export async function untilOlder(
  { runtime }: Pick<TestLedger, 'runtime'>,
  grant_id: string,
  generation: number,
  seconds: number,
) {
  await until(async () => {
    const { rows } = await runtime.knex.raw<{ rows: { older: boolean }[] }>(
      `SELECT now() > projected_at + make_interval(secs => ?) AS older
         FROM ${runtime.schema}.bearer_tokens WHERE grant_id = ? AND generation = ?`,
      [seconds, grant_id, generation],
    )
    return rows[0]?.older === true
  }, `generation ${generation} older than ${seconds} s`)
}

/** Resolves when this expiry of the grant is past by the database's clock. */
export async function untilPast(
  { runtime }: Pick<TestLedger, 'runtime'>,
  grant_id: string,
  column: 'refresh_exp' | 'absolute_exp',
) {
  await until(async () => {
    const { rows } = await runtime.knex.raw<{ rows: { past: boolean }[] }>(
      `SELECT extract(epoch FROM now()) >= ${column} AS past FROM ${runtime.schema}.grants WHERE grant_id = ?`,
      [grant_id],
    )
    return rows[0]?.past === true
  }, `${column} past`)
}

/** Whether this is what remains of a lifetime that began just now, on a machine that may be slow. */
export function isRemainderOf(lifetime: number, expires_in: unknown): boolean {
  return typeof expires_in === 'number' && expires_in <= lifetime && expires_in >= lifetime - 10
}

/** When the grant's refresh token expires. */
export async function refreshExpiry({ runtime }: Pick<TestLedger, 'runtime'>, grant_id: string): Promise<number> {
  const grants = runtime.knex.withSchema(runtime.schema).from('grants')
  const row = await grants.where({ grant_id }).first<{ refresh_exp: number } | undefined>('refresh_exp')
  return Number(row?.refresh_exp)
}
