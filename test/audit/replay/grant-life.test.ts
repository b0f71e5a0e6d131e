import test from 'ava'
import { grantLife } from '../../../services/audit/replay/grant-life.ts'
import { renderLife } from '../../../services/cli/render/life.ts'
import { authorized, client, exchanged, issued, refreshed, reuse, revoked, user } from '../../ledger/given.ts'
import {
  appendUnreadable,
  closeEmbedded,
  embeddedLedger,
  grantId,
  seed,
  type WrittenLedger,
} from '../../support/written-ledger.ts'

test.after.always(closeEmbedded)

const grant_id = grantId(1)

async function lifeOf(ledger: WrittenLedger, now = Date.now()) {
  const life = await grantLife(ledger, grant_id, { now, personal: 'shown' })
  if (!life) throw new Error('the grant is unknown')
  return life
}

test('a living grant tells whose it is, what happened to it, and which tokens live', async (t) => {
  const ledger = await embeddedLedger()
  await seed(ledger)
  await ledger.append(refreshed(2, { grant_id, scope: 'read' }))
  const life = await lifeOf(ledger)
  t.like(life, {
    client: { client_id: 'shop', client_name: 'Shop' },
    principal: { type: 'user', id: 'ada' },
    people: { ada: { username: 'ada', name: null, email: null } },
  })
  t.deepEqual(
    life.now.access_tokens.map(({ generation }) => generation),
    [1, 2],
  )
  t.is(life.now.refresh_token?.generation, 2)
  t.is(life.now.because, null)
  const text = renderLife(life)
  t.regex(text, /principal {2}user ada \(ada\)\n/)
  t.regex(text, /issued generation 1 for "read write", access token for 3600 s, by client\/shop from 192\.0\.2\.1/)
  t.regex(text, /\+0\.\d s {2}refreshed to generation 2 for "read"/)
  t.regex(text, /Now \(.*\): live\n {2}access token of generation 1, until/)
})

test('a grant that a code was exchanged for tells of both, and of a code that came again', async (t) => {
  const ledger = await embeddedLedger()
  await ledger.append(authorized({ grant_id, consent: 'asked' }))
  await ledger.append(exchanged({ grant_id }))
  await ledger.append(exchanged({ grant_id }))
  await ledger.append(revoked({ grant_id, reason: 'code_reuse' }))
  const text = renderLife(await lifeOf(ledger))
  t.regex(text, /made by {4}authorization_code\n/)
  t.regex(text, /authorized for "read write", code for 600 s, by /)
  t.regex(text, /s {2}exchanged the code for generation 1, by /)
  t.regex(text, /VOID \(code_spent\), changed nothing: exchanged the code/)
  t.regex(text, /revoked: code_reuse \(by client shop\)/)
})

test('a grant that ended tells who ended it and why, and marks what came too late', async (t) => {
  const ledger = await embeddedLedger()
  await seed(ledger)
  await ledger.append(refreshed(2, { grant_id }))
  await ledger.append(reuse(1, { grant_id }))
  await ledger.append(revoked({ grant_id, reason: 'stolen phone', revoked_by: { type: 'user', id: 'root' } }))
  await ledger.append(refreshed(3, { grant_id }))
  const text = renderLife(await lifeOf(ledger))
  t.regex(
    text,
    /VOID \(within_grace\), changed nothing: REUSE: the spent refresh token of generation 1 was presented again/,
  )
  t.regex(text, /revoked: stolen phone \(by user root\)/)
  t.regex(text, /VOID \(grant_revoked\), changed nothing: refreshed to generation 3/)
  t.regex(text, /Now \(.*\): revoked \(stolen phone\): nothing of it can be used/)
})

test('reuse ends a grant, and its life says so', async (t) => {
  const ledger = await embeddedLedger()
  ledger.clock.shiftMs = -60_000
  await ledger.append(issued({ grant_id }))
  await ledger.append(refreshed(2, { grant_id }))
  ledger.clock.shiftMs = 0
  await ledger.append(reuse(1, { grant_id }))
  const life = await lifeOf(ledger)
  t.like(life.now, { status: 'revoked', because: 'reuse', access_tokens: [], refresh_token: null })
  t.regex(renderLife(life), /\+1 min \d+ s {2}REUSE|\+\d\d\.\d s {2}REUSE/)
})

test('a grant whose client or user was ended is live in name only', async (t) => {
  const ledger = await embeddedLedger()
  await seed(ledger)
  await ledger.append({ type: 'UserPut', data: { revision: 2, user: user({ enabled: false }) } })
  t.like((await lifeOf(ledger)).now, {
    status: 'live',
    because: 'user_disabled',
    access_tokens: [],
    refresh_token: null,
  })
  await ledger.append({ type: 'ClientGrantsRevoked', data: { revision: 2, client: client(), reason: 'breach' } })
  await ledger.append({ type: 'UserPut', data: { revision: 3, user: user() } })
  t.is((await lifeOf(ledger)).now.because, null, 'the grant was made at registry position 7, after the revocation')
  await ledger.append({ type: 'ClientChanged', data: { revision: 3, client: client({ enabled: false }) } })
  t.is((await lifeOf(ledger)).now.because, 'client_disabled')
})

test('what expired is not said to live', async (t) => {
  const ledger = await embeddedLedger()
  await seed(ledger)
  const later = Date.now() + 2 * 3_600_000
  t.deepEqual((await lifeOf(ledger, later)).now.access_tokens, [])
  t.is((await lifeOf(ledger, later)).now.refresh_token?.generation, 1)
  t.is((await lifeOf(ledger, later + 30 * 86_400_000)).now.because, 'everything expired')
})

test('a grant that no event made is unknown', async (t) => {
  const ledger = await embeddedLedger()
  await seed(ledger)
  await ledger.append(revoked({ grant_id: grantId(2) }))
  t.is(await grantLife(ledger, grantId(2), { now: Date.now(), personal: 'shown' }), null)
  t.is(await grantLife(ledger, grantId(3), { now: Date.now(), personal: 'shown' }), null)
})

test('a record of the grant that cannot be read is not passed over, and no event can paint the terminal', async (t) => {
  const ledger = await embeddedLedger()
  await seed(ledger)
  await ledger.append(refreshed(2, { grant_id, scope: '\u001b[2Jread\u202e' }))
  await appendUnreadable(ledger, grant_id)
  const text = renderLife(await lifeOf(ledger))
  t.regex(text, /UNREADABLE, nothing after it has a verdict/)
  t.regex(text, /"\?\[2Jread\?"/)
})
