import { randomBytes } from 'node:crypto'
import test from 'ava'
import pino from 'pino'
import { issuedTokens } from '../../../shared/read-model/commit/issued-tokens.ts'
import { Unsettled } from '../../../shared/read-model/unsettled.ts'
import type { GrantEvent, Recorded } from '../../../shared/ledger/events.ts'
import { foldGrant } from '../../../shared/ledger/grant/evolve.ts'
import { deriveKeys } from '../../../shared/tokens/keys.ts'
import { GRANT_ID, issued, recorded, revoked, T0 } from '../../ledger/given.ts'

const keys = deriveKeys([{ kid: 1, secret: randomBytes(32) }], GRANT_ID)
const position = { topic: 'grants', partition: 0, offset: 7 }

/** How these records, the first of them our own issue, are answered once they are folded; and what is logged. */
function answerAfter(...records: Recorded<GrantEvent>[]) {
  const lines: string[] = []
  const logger = pino({}, { write: (line: string) => void lines.push(line) })
  const grant = foldGrant(records)
  const generations = new Map(grant.status === 'live' ? [[1, { ...grant.current, projected_at: T0 }]] : [])
  const event_id = records[0]?.event.id ?? ''
  return {
    lines,
    answer: () =>
      issuedTokens({ keys, logger }, { grant, generations, now: T0 }, { event_id, position, logged_at: T0 }),
  }
}

test('the first tokens are answered from the row of their own event', (t) => {
  const { answer, lines } = answerAfter(recorded(issued(), 0))
  t.is(answer().token_type, 'Bearer')
  t.deepEqual(lines, [])
})

test('an issue that the log took at another time than its own is 503, and an alarm', (t) => {
  const { answer, lines } = answerAfter(recorded(issued(), 0, { written: -61 }))
  t.throws(answer, { instanceOf: Unsettled })
  t.is(lines.length, 1)
  t.regex(lines[0] ?? '', /"alarm":"clock_skew"/)
})

test('an issue that was revoked before it was answered is 503, and no alarm', (t) => {
  const { answer, lines } = answerAfter(recorded(issued(), 0), recorded(revoked(), 1))
  t.throws(answer, { instanceOf: Unsettled })
  t.deepEqual(lines, [])
})
