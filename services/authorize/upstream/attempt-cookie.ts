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

/** Browsers drop what is longer (RFC 6265bis §5.6), attributes included. */
const MOST_CHARACTERS = 3800

/** More logins that are open at once make a browser's requests too long for servers: the oldest end then. */
const MOST_OPEN = 4

/** All of them together: common proxies take lines of headers up to 8 KiB. */
const MOST_ALTOGETHER = 6000

export type AttemptCookies = {
  /** Whether it could be taken along: a very long request cannot. */
  set(ctx: HttpContext, pending: Omit<Pending, 'exp'>): Promise<boolean>
  /** What was begun in this browser with this state, and ends it there; `null`: nothing, or long ago. */
  take(ctx: HttpContext, state: string): Promise<Pending | null>
}

export type AttemptCookieOptions = { keys: Keys; secure: boolean; clock?: () => number }

/**
 * A cookie for each login with a provider, named after its state, so that tabs do not disturb each other. Encrypted and
 * authenticated (AES-256-GCM); Lax, because it has to come with the link back from another site.
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
    const open = await Promise.all(
      namesIn(ctx)
        .filter(isAttempt)
        .map((name) => openIn(ctx, name)),
    )
    const ended = open.sort((a, b) => b.exp - a.exp).filter((one, at) => !isLeft(one, at))
    for (const { name } of ended) put(ctx, name, '', 0)
  }

  const isAttempt = (name: string) => name.startsWith(prefix)

  const openIn = async (ctx: HttpContext, name: string) => {
    const size = ctx.cookies.get(name, { signed: false })?.length ?? 0
    return { name, size, exp: (await readIn(ctx, name))?.exp ?? 0 }
  }

  const readIn = async (ctx: HttpContext, name: string) => {
    const value = ctx.cookies.get(name, { signed: false })
    return value === undefined ? null : unseal(keys, value)
  }

  return {
    set: async (ctx, pending) => {
      const value = await seal(keys, { ...pending, exp: nowSeconds() + ATTEMPT_LIFETIME })
      if (value.length > MOST_CHARACTERS) return false
      await makeRoom(ctx, value.length)
      put(ctx, prefix + pending.state, value, ATTEMPT_LIFETIME)
      return true
    },
    take: async (ctx, state) => {
      if (!/^[\w-]{43}$/.test(state)) return null
      const pending = await readIn(ctx, prefix + state)
      if (pending) put(ctx, prefix + state, '', 0)
      return pending?.state === state && pending.exp > nowSeconds() ? pending : null
    },
  }
}

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
