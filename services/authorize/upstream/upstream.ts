import type { People } from '../../../shared/accounts/people.ts'
import type { Runtime } from '../../../shared/process/runtime.ts'
import type { UserWriting } from '../../../shared/read-model/passwords/write-user.ts'
import { requireKeys } from '../../../shared/process/runtime.ts'
import { type AttemptCookies, createAttemptCookies } from './attempt-cookie.ts'
import { BOUNDS, boundedFetch } from './bounded-fetch.ts'
import { createProvider, type Provider } from './provider.ts'

/** The other servers that people may log in with, and what it takes to know who came. */
export type Upstream = UserWriting & {
  providers: ReadonlyMap<string, Provider>
  attempts: AttemptCookies
  people: Pick<People, 'seal' | 'externalAccount' | 'likelyIndexOf'>
  /** How long it takes at the most until all is asked that a callback needs. */
  timeoutMs: number
}

/** Metadata, keys, tokens, profile. */
const QUESTIONS = 4

/** Wires the providers of the settings. None is asked for anything yet. */
export function upstreamOf(runtime: Runtime, writing: UserWriting): Upstream {
  const { settings, people } = runtime
  const { ISSUER: issuer, APPEND_TIMEOUT } = settings
  // A page that begins a login waits for one answer, and has to be there before its own time is over.
  const timeoutMs = Math.min(BOUNDS.timeoutMs, APPEND_TIMEOUT * 600)
  const fetch = boundedFetch({ ...BOUNDS, timeoutMs })
  const providers = settings.UPSTREAM_PROVIDERS.map((one) => {
    const redirect_uri = `${issuer}/login/with/${one.name}/callback`
    return [one.name, createProvider({ settings: one, redirect_uri, fetch })] as const
  })
  return {
    ...writing,
    providers: new Map(providers),
    attempts: createAttemptCookies({ keys: requireKeys(runtime), secure: issuer.startsWith('https:') }),
    people,
    timeoutMs: QUESTIONS * timeoutMs,
  }
}
