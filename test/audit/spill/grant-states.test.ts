import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import fc from 'fast-check'
import { createGrantStates } from '../../../services/audit/spill/grant-states.ts'
import { createSlotIndex } from '../../../services/audit/spill/slot-index.ts'
import { createSlots } from '../../../services/audit/spill/slots.ts'
import type { GrantEvent } from '../../../shared/ledger/events.ts'
import { evolve } from '../../../shared/ledger/grant/evolve.ts'
import { type GrantState, type GrantStates, UNKNOWN_GRANT } from '../../../shared/ledger/grant/state.ts'
import { lives, recordsOf, type Unplaced } from '../../read-model/generated-lives.ts'

function verdicts(records: Unplaced<GrantEvent>[], states: GrantStates) {
  return records.map(({ event, timestamp }, offset) => {
    const recorded = { event, timestamp, position: { topic: 'grants', partition: 0, offset } }
    const evolved = evolve(states.get(event.data.grant_id) ?? UNKNOWN_GRANT, recorded)
    if (evolved.void === undefined) states.set(event.data.grant_id, evolved.state)
    return [evolved.void ?? 'valid', JSON.parse(JSON.stringify(evolved.state)) as unknown]
  })
}

test('states that were written to the disk in between give the verdicts and states that memory gives', (t) => {
  const now = Date.now()
  const drawn = fc.record({ drawn: lives, order: fc.infiniteStream(fc.nat(1000)), inMemory: fc.constantFrom(1, 3) })
  fc.assert(
    fc.property(drawn, ({ drawn, order, inMemory }) => {
      const all = recordsOf(drawn, now).grants
      const ids = new Set(all.map(({ event }) => event.data.grant_id))
      const queues = [...ids].map((id) => all.filter(({ event }) => event.data.grant_id === id))
      // Each grant's records stay in order, those of different grants take turns.
      const records: Unplaced<GrantEvent>[] = []
      while (queues.some(({ length }) => length > 0)) {
        const waiting = queues.filter(({ length }) => length > 0)
        records.push(...(waiting[(order.next().value ?? 0) % waiting.length]?.splice(0, 1) ?? []))
      }
      const spilled = createGrantStates(inMemory)
      t.deepEqual(verdicts(records, spilled), verdicts(records, new Map()))
      spilled.close()
    }),
    { numRuns: 100 },
  )
})

test('texts of any length are found again, also after they grew out of their slot', (t) => {
  const texts = fc.array(fc.tuple(fc.nat(9), fc.string({ unit: 'grapheme', maxLength: 3_000 })), { maxLength: 60 })
  fc.assert(
    fc.property(texts, (puts) => {
      const slots = createSlots()
      const held = new Map<number, { text: string; slot: ReturnType<typeof slots.put> }>()
      for (const [key, text] of puts) held.set(key, { text, slot: slots.put(text, held.get(key)?.slot ?? null) })
      for (const { text, slot } of held.values()) t.is(slots.get(slot.unit).text, text)
      slots.close()
    }),
  )
  const slots = createSlots()
  const large = 'ä'.repeat(700_000)
  const [a, b, c] = [large, 'small', large].map((text) => slots.put(text, null))
  t.deepEqual(
    [a, b, c].map((slot) => slots.get(slot?.unit ?? -1).text.length),
    [700_000, 5, 700_000],
  )
  const moved = slots.put('x'.repeat(300), b ?? null)
  t.is(slots.get(moved.unit).text.length, 300)
  slots.close()
})

test('an index of slots that had to grow knows each, and the latest of one that moved', (t) => {
  const index = createSlotIndex(4)
  const ids = Array.from({ length: 5_000 }, (_, n) => `grant ${n}`)
  ids.forEach((id, n) => index.set(id, n, undefined))
  ids.slice(0, 100).forEach((id, n) => index.set(id, 10_000 + n, n))
  t.true(ids.every((id, n) => index.candidates(id).includes(n < 100 ? 10_000 + n : n)))
  t.deepEqual(index.candidates('grant 5000'), [])
})

test('what is spilled has no name on the disk, so that nothing is left of it however the process ends', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'spill-test-'))
  const script = `
    import { createSlots } from './services/audit/spill/slots.ts'
    import { readdirSync } from 'node:fs'
    createSlots().put('x', null)
    process.stdout.write(String(readdirSync(process.env.TMPDIR).filter((name) => name.startsWith('token-ledger')).length))
    process.kill(process.pid, 'SIGKILL')`
  const env = { ...process.env, TMPDIR: folder }
  const args = ['--import', 'tsx', '--input-type=module', '-e', script]
  const error = t.throws<Error & { stdout: string; signal: string }>(() =>
    execFileSync(process.execPath, args, { env, encoding: 'utf8', stdio: 'pipe' }),
  )
  t.like(error, { stdout: '0', signal: 'SIGKILL' })
  t.deepEqual(
    readdirSync(folder).filter((name) => name.startsWith('token-ledger')),
    [],
  )
})

test('a folder for temporary files that takes none is named in one line', (t) => {
  const before = process.env['TMPDIR']
  process.env['TMPDIR'] = '/nowhere'
  t.teardown(() => void (process.env['TMPDIR'] = before ?? tmpdir()))
  const states = createGrantStates(1)
  const state = (grant_id: string) => ({ status: 'revoked', grant_id, principal: {}, issued: null }) as GrantState
  states.set('a', state('a'))
  t.throws(() => states.set('b', state('b')), { message: /^TMPDIR: \/nowhere cannot take [^\n]+ENOENT$/ })
})
