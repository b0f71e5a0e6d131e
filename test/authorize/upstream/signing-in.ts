import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { type Ledger, startLedger } from '../../admin/ledger.ts'
import { seeded } from '../../support/kept-logs.ts'
import type { Page } from '../../support/cookie-jar.ts'
import { type FakeProvider, startFakeProvider } from './fake-provider.ts'

/** A ledger that takes logins of two providers, of which `example` does what a test tells it. */
export type Signing = { ledger: Ledger; fake: FakeProvider }

type Options = { settings?: Record<string, string>; example?: object; others?: Record<string, object> }

/** What is written of a provider. */
export function clientAt(issuer: string, over: object = {}): object {
  const client_secret = randomBytes(32).toString('base64url')
  seeded(client_secret)
  return { issuer, client_id: 'ledger', client_secret, label: 'Example', ...over }
}

export async function startSigning(
  t: Pick<ExecutionContext, 'teardown'>,
  { settings = {}, example = {}, others = {} }: Options = {},
): Promise<Signing> {
  const fake = await startFakeProvider()
  t.teardown(() => fake.close())
  const folder = await mkdtemp(join(tmpdir(), 'providers-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const file = join(folder, 'providers.json')
  await writeFile(file, JSON.stringify({ example: clientAt(fake.issuer, example), ...others }))
  const ledger = await startLedger(t, {
    services: ['token-endpoint', 'projector', 'admin', 'authorize'],
    settings: { UPSTREAM_PROVIDERS: file, ...settings },
  })
  return { ledger, fake }
}

/** Where the browser comes back to, once this person has logged in at the provider that it was sent to. */
export function backFrom(fake: FakeProvider, { location }: Page, person: { sub: string; [claim: string]: unknown }) {
  if (!location?.startsWith(fake.issuer)) throw new Error(`sent to ${location ?? 'nowhere'}`)
  const query = fake.comeBack(location, person)
  seeded(new URLSearchParams(query).get('code'))
  return `/login/with/example/callback?${query}`
}
