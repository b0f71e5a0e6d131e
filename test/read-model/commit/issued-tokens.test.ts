import { randomBytes } from 'node:crypto'
import test from 'ava'
import { pino } from 'pino'
import { issuedTokens } from '../../../shared/read-model/commit/issued-tokens.ts'
import { Unsettled } from '../../../shared/read-model/unsettled.ts'
import type { GrantEvent, Recorded } from '../../../shared/ledger/events.ts'
import { foldGrant } from '../../../shared/ledger/grant/evolve.ts'
import { deriveKeys } from '../../../shared/tokens/keys.ts'
import { GRANT_ID, issued, recorded, revoked, T0 } from '../../ledger/given.ts'

const logger = pino({ level: 'silent' })
const keys = deriveKeys([{ kid: 1, secret: randomBytes(32) }], GRANT_ID)

/** How these records, the first of them our own issue, are answered once they are folded. */
function answerAfter(...records: Recorded<GrantEvent>[]) {
  const grant = foldGrant(records)
  const generations = new Map(grant.status === 'live' ? [[1, { ...grant.current, projected_at: T0 }]] : [])
  const event_id = records[0]?.event.id ?? ''
  return () => issuedTokens({ keys, logger }, { grant, generations, now: T0 }, { event_id })
}

test('the first tokens are answered from the row of their own event', (t) => {
  t.is(answerAfter(recorded(issued(), 0))().token_type, 'Bearer')
})

test('an issue that the log took at another time than its own is 503', (t) => {
  t.throws(answerAfter(recorded(issued(), 0, { written: -61 })), { instanceOf: Unsettled })
})

test('an issue that was revoked before it was answered is 503', (t) => {
  t.throws(answerAfter(recorded(issued(), 0), recorded(revoked(), 1)), { instanceOf: Unsettled })
})
