import { createHmac } from 'node:crypto'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { CompactEncrypt, compactDecrypt } from 'jose'
import { z } from 'zod'
import type { HttpContext } from '../../../shared/http/context.ts'
import type { Keys } from '../../../shared/tokens/keys.ts'

/** What a browser carries while it is at a provider, and shows to nobody: neither to the person nor to the provider. */
const PENDING = z.strictObject({
  provider: z.string(),
  state: z.string(),
  nonce: z.string(),
  code_verifier: z.string(),
  /** What the login goes on to, as it travels in forms. */
  onward: z.string(),
  /** The session that this login is to be linked to; absent where it is to make one. */
  link: z.string().optional(),
  /** Seconds since 1970 (NumericDate). */
  exp: z.number(),
})

export type Pending = z.output<typeof PENDING>

/** Seconds in which somebody logs in at a provider. */
export const ATTEMPT_LIFETIME = 900

/** Browsers drop a cookie that is longer (RFC 6265bis §5.6), attributes included: the rest goes into another. */
const MOST_OF_ONE = 3800

/** More logins that are open at once make a browser's requests too long for servers: the oldest end then. */
const MOST_OPEN = 4

/** All of them together: common proxies take lines of headers up to 8 KiB. The longest request alone fills it. */
const MOST_ALTOGETHER = 6400

export type AttemptCookies = {
  set(ctx: HttpContext, pending: Omit<Pending, 'exp'>): Promise<void>
  /** What was begun in this browser with this state, and ends it there; `null`: nothing, or long ago. */
  take(ctx: HttpContext, state: string): Promise<Pending | null>
}

export type AttemptCookieOptions = { keys: Keys; secure: boolean; clock?: () => number }

/**
 * A cookie for each login with a provider, named after its state, so that tabs do not disturb each other; two for a
 * long request. Encrypted and authenticated (AES-256-GCM); Lax, because they have to come with the link back from
 * another site.
 */
export function createAttemptCookies({ keys, secure, clock = Date.now }: AttemptCookieOptions): AttemptCookies {
  const prefix = `${secure ? '__Host-' : ''}ledger-upstream-`
  const attributes = `Path=/; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`
  const nowSeconds = () => Math.floor(clock() / 1000)
  const put = (ctx: HttpContext, name: string, value: string, maxAge: number) =>
    ctx.append('Set-Cookie', `${name}=${value}; ${attributes}; Max-Age=${maxAge}`)

  /** Ends the oldest, and what we cannot read, until there is room for one of this length. */
  async function makeRoom(ctx: HttpContext, length: number) {
    let room = MOST_ALTOGETHER - length
    const isLeft = ({ exp, size }: { exp: number; size: number }, at: number) => {
      room -= size
      return room >= 0 && at < MOST_OPEN - 1 && exp > nowSeconds()
    }
    const open = await Promise.all(statesIn(ctx).map((state) => openIn(ctx, state)))
    const ended = open.sort((a, b) => b.exp - a.exp).filter((one, at) => !isLeft(one, at))
    for (const { state } of ended) end(ctx, state)
  }

  const statesIn = (ctx: HttpContext) => {
    const ours = namesIn(ctx).filter((name) => name.startsWith(prefix))
    return [...new Set(ours.map((name) => name.slice(prefix.length).replace(MORE, '')))]
  }

  const openIn = async (ctx: HttpContext, state: string) => {
    const value = valueIn(ctx, state)
    return { state, size: value.length, exp: (await unseal(keys, value))?.exp ?? 0 }
  }

  const partIn = (ctx: HttpContext, name: string) => ctx.cookies.get(prefix + name, { signed: false }) ?? ''
  const valueIn = (ctx: HttpContext, state: string) => partIn(ctx, state) + partIn(ctx, state + MORE)

  function end(ctx: HttpContext, state: string) {
    for (const name of [state, state + MORE]) if (partIn(ctx, name) !== '') put(ctx, prefix + name, '', 0)
  }

  return {
    set: async (ctx, pending) => {
      const value = await seal(keys, { ...pending, exp: nowSeconds() + ATTEMPT_LIFETIME })
      await makeRoom(ctx, value.length)
      put(ctx, prefix + pending.state, value.slice(0, MOST_OF_ONE), ATTEMPT_LIFETIME)
      const more = value.slice(MOST_OF_ONE)
      if (more !== '') put(ctx, prefix + pending.state + MORE, more, ATTEMPT_LIFETIME)
    },
    take: async (ctx, state) => {
      if (!/^[\w-]{43}$/.test(state)) return null
      const pending = await unseal(keys, valueIn(ctx, state))
      if (pending) end(ctx, state)
      return pending?.state === state && pending.exp > nowSeconds() ? pending : null
    },
  }
}

/** What the name of a second part ends with; no state has it. */
const MORE = '.2'

function namesIn(ctx: HttpContext): string[] {
  return ctx
    .get('Cookie')
    .split(';')
    .map((pair) => pair.slice(0, pair.indexOf('=')).trim())
}

async function seal(keys: Keys, pending: Pending): Promise<string> {
  const kid = keys.current
  const key = keyOf(keys, kid)
  if (!key) throw new Error(`no key for cookies under kid ${kid}`)
  return new CompactEncrypt(deflateRawSync(JSON.stringify(pending)))
    .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid: String(kid) })
    .encrypt(key)
}

async function unseal(keys: Keys, text: string): Promise<Pending | null> {
  try {
    const { plaintext } = await compactDecrypt(
      text,
      ({ kid = '' }) => {
        const key = /^[1-9]\d{0,2}$/.test(kid) ? keyOf(keys, Number(kid)) : undefined
        if (!key) throw new Error('another key')
        return key
      },
      { keyManagementAlgorithms: ['dir'], contentEncryptionAlgorithms: ['A256GCM'] },
    )
    return PENDING.parse(JSON.parse(inflateRawSync(plaintext).toString()))
  } catch {
    return null
  }
}

/** A key of its own, since the subkey `cookie` makes MACs. */
function keyOf(keys: Keys, kid: number): Uint8Array | undefined {
  const subkey = keys.subkey('cookie', kid)
  return subkey && createHmac('sha256', subkey).update('upstream-attempt').digest()
}
