import { randomBytes } from 'node:crypto'
import test, { type ExecutionContext } from 'ava'
import { createAttemptCookies, type Pending } from '../../../services/authorize/upstream/attempt-cookie.ts'
import { MOST_PACKED } from '../../../services/authorize/login/onward.ts'
import { createHttpApp } from '../../../shared/http/app/create-app.ts'
import { listen } from '../../../shared/http/listen.ts'
import { deriveKeys } from '../../../shared/tokens/keys.ts'
import { keptLogger } from '../../support/kept-logs.ts'

const [old, next] = [1, 2].map((kid) => ({ kid, secret: randomBytes(32) })) as [
  { kid: number; secret: Buffer },
  { kid: number; secret: Buffer },
]

const random = () => randomBytes(32).toString('base64url')

function pendingWith(more: Partial<Pending> = {}) {
  const [state, nonce, code_verifier] = [random(), random(), random()]
  return { provider: 'example', state, nonce, code_verifier, onward: 'packed', ...more }
}

type Served = Awaited<ReturnType<typeof serve>>

async function serve(t: ExecutionContext, { secrets = [old], secure = true, clock = { ms: 1_000_000 } } = {}) {
  const logger = keptLogger('upstream')
  const plain = { requireHttps: false, trustedProxies: [] }
  const { app, router } = createHttpApp({ for: 'people', known: () => null, logger, ...plain })
  const attempts = createAttemptCookies({ keys: deriveKeys(secrets, 'a-ledger'), secure, clock: () => clock.ms })
  let given = pendingWith()
  router.get('/set', async (ctx) => {
    await attempts.set(ctx, given)
    ctx.body = {}
  })
  router.get('/take/:state', async (ctx) => {
    ctx.body = { taken: await attempts.take(ctx, ctx.params['state'] ?? '') }
  })
  const { url, close } = await listen(app, { port: 0, host: '127.0.0.1' })
  t.teardown(() => close(0))
  const ask = async (path: string, cookie = '') => {
    const response = await fetch(`${url}${path}`, { headers: { cookie } })
    return {
      body: (await response.json()) as { taken?: Pending | null },
      set: response.headers.getSetCookie(),
    }
  }
  const begin = (pending: ReturnType<typeof pendingWith>, cookie = '') => {
    given = pending
    return ask('/set', cookie)
  }
  return { ask, begin, clock }
}

/** As the browser sends it. */
const sent = (set: readonly string[]) => set.map((one) => one.slice(0, one.indexOf(';'))).join('; ')

async function taken({ ask }: Pick<Served, 'ask'>, state: string, cookie: string) {
  return (await ask(`/take/${state}`, cookie)).body.taken ?? null
}

test('a login comes back in the browser that began it, once, and in no other', async (t) => {
  const one = await serve(t)
  const pending = pendingWith()
  const { set } = await one.begin(pending)
  const [cookie = ''] = set
  t.regex(cookie, /^__Host-ledger-upstream-.*; Path=\/; HttpOnly; SameSite=Lax; Secure; Max-Age=900$/)
  t.like(await taken(one, pending.state, sent(set)), pending)
  t.is(await taken(one, pending.state, ''), null)
  t.is(await taken(one, random(), sent(set)), null)
  const { set: ended } = await one.ask(`/take/${pending.state}`, sent(set))
  t.regex(ended[0] ?? '', new RegExp(`^__Host-ledger-upstream-${pending.state}=; .*Max-Age=0$`))
})

test('nothing of it can be read or changed, and it counts under no other name or key', async (t) => {
  const one = await serve(t)
  const pending = pendingWith({ onward: 'what-it-goes-on-to' })
  const cookie = sent((await one.begin(pending)).set)
  const value = cookie.slice(cookie.indexOf('=') + 1)
  for (const secret of [pending.nonce, pending.code_verifier, pending.onward]) t.false(cookie.includes(secret))
  for (const part of value.split('.')) t.notRegex(Buffer.from(part, 'base64url').toString(), /nonce|verifier|onward/)
  const changed = value.slice(0, -3) + (value.at(-3) === 'A' ? 'B' : 'A') + value.slice(-2)
  t.is(await taken(one, pending.state, cookie.replace(value, changed)), null)
  const other = random()
  t.is(await taken(one, other, cookie.replace(pending.state, other)), null)
  t.is(await taken(await serve(t, { secrets: [{ ...old, secret: randomBytes(32) }] }), pending.state, cookie), null)
  t.like(await taken(await serve(t, { secrets: [next, old] }), pending.state, cookie), pending)
  t.is(await taken(await serve(t, { secrets: [next] }), pending.state, cookie), null)
})

test('it ends after a quarter of an hour, also in a browser that keeps it', async (t) => {
  const one = await serve(t)
  const pending = pendingWith()
  const cookie = sent((await one.begin(pending)).set)
  one.clock.ms += 899_000
  t.like(await taken(one, pending.state, cookie), pending)
  one.clock.ms += 1000
  t.is(await taken(one, pending.state, cookie), null)
})

test('four tabs do not disturb each other; with a fifth the oldest ends, so that requests stay short', async (t) => {
  const one = await serve(t)
  const tabs = [1, 2, 3, 4].map(() => pendingWith())
  let cookies = 'other=1'
  for (const tab of tabs) {
    one.clock.ms += 1000
    const { set } = await one.begin(tab, cookies)
    t.is(set.length, 1)
    cookies += `; ${sent(set)}`
  }
  for (const tab of tabs) t.like(await taken(one, tab.state, cookies), tab)
  one.clock.ms += 1000
  const { set } = await one.begin(pendingWith(), cookies)
  const ended = set.filter((cookie) => cookie.includes('Max-Age=0'))
  t.deepEqual(
    ended.map((cookie) => cookie.includes(tabs[0]?.state ?? '?')),
    [true],
  )
})

test('two long ones are more than servers take in a request: the first ends, with both of its cookies', async (t) => {
  const one = await serve(t)
  const [first, second] = [1, 2].map(() => pendingWith({ onward: randomBytes(4000).toString('base64url') }))
  if (!first || !second) throw new Error('two were made')
  const { set } = await one.begin(first)
  const { set: both } = await one.begin(second, sent(set))
  const ended = both.filter((cookie) => cookie.includes(first.state))
  t.is(ended.length, 2)
  for (const cookie of ended) t.regex(cookie, /Max-Age=0$/)
  t.like(await taken(one, second.state, sent(both)), second)
})

test('a long request is taken along in two cookies, each as short as browsers keep them, and only both are it', async (t) => {
  const one = await serve(t)
  // The longest that a request becomes when it is packed.
  const pending = pendingWith({ onward: randomBytes(MOST_PACKED).toString('base64url').slice(0, MOST_PACKED) })
  const { set } = await one.begin(pending)
  t.is(set.length, 2)
  for (const cookie of set) t.true(cookie.length < 4096)
  t.true(sent(set).length < 6700)
  t.like(await taken(one, pending.state, sent(set)), pending)
  for (const part of set) t.is(await taken(one, pending.state, sent([part])), null)
  const { set: ended } = await one.ask(`/take/${pending.state}`, sent(set))
  t.is(ended.filter((cookie) => cookie.includes('Max-Age=0')).length, 2)
})

test('over plain HTTP, which dev mode has, its name has no prefix', async (t) => {
  const one = await serve(t, { secure: false })
  const pending = pendingWith()
  const { set } = await one.begin(pending)
  t.regex(set[0] ?? '', /^ledger-upstream-.*SameSite=Lax; Max-Age=900$/)
  t.like(await taken(one, pending.state, sent(set)), pending)
})
