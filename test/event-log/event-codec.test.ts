import test from 'ava'
import { decodeEvent, decodeRecord, envelop, outgoing, UndecodableRecord } from '../../shared/event-log/event-codec.ts'
import type { Fact } from '../../shared/ledger/events.ts'
import { partitionOf } from '../../shared/event-log/places.ts'

const GRANT = '0190b4a1-7c3e-7d4f-9a51-6f2f0c9b1e77'
const TOPICS = { grants: 'test.grants', registry: 'test.registry' }
const REVOKED = {
  type: 'TokenRevoked',
  data: { grant_id: GRANT, client_id: 'app', reason: 'left', revoked_by: { type: 'client', id: 'app' } },
} satisfies Fact

const eventOf = (fact: Fact) => envelop(fact, 'https://ledger.example', { actor: 'client/app' }, 0)
const group = (description: string): Fact => ({
  type: 'GroupPut',
  data: { revision: 1, group: { name: 'g', description } },
})
const bytes = (event: object) => Buffer.from(JSON.stringify(event))

test('an event is read as it was written, with the fields that this release does not know', (t) => {
  const event = { ...eventOf(REVOKED), later: { added: true } }
  t.deepEqual(decodeEvent(bytes(event)) as object, event)
})

test('the envelope is CloudEvents 1.0, and the key is the subject', (t) => {
  const event = eventOf(REVOKED)
  t.like(event, { specversion: '1.0', type: 'TokenRevoked', source: 'https://ledger.example', subject: GRANT })
  t.true(event.dataschema.endsWith('/TokenRevoked/1'))
  t.like(outgoing(event, TOPICS), { topic: TOPICS.grants, partition: partitionOf(GRANT), key: GRANT })
  t.like(outgoing(eventOf(group('')), TOPICS), { topic: TOPICS.registry, partition: 0, key: 'group/g' })
})

for (const [what, change] of Object.entries({
  'an unknown type': { type: 'TokenTeleported' },
  'a later version of its schema': { dataschema: 'https://ledger.example/schemas/TokenRevoked/2' },
  'another envelope': { specversion: '2.0' },
  'data of another shape': { data: { grant_id: GRANT } },
  'a time that is none': { time: 'yesterday' },
}))
  test(`${what} cannot be read`, (t) => {
    t.throws(() => decodeEvent(bytes({ ...eventOf(REVOKED), ...change })), { instanceOf: UndecodableRecord })
  })

test('bytes that are no JSON cannot be read', (t) => {
  t.throws(() => decodeEvent(Buffer.from([0xff, 0x00])), { instanceOf: UndecodableRecord })
})

test('what the read model could not store cannot be read, so that it stops its own partition and nothing else', (t) => {
  for (const text of ['a\0b', 'a\ud800b'])
    t.throws(() => decodeEvent(bytes(eventOf(group(text)))), { instanceOf: UndecodableRecord })
  const tooLate: Fact = { type: 'GroupPut', data: { revision: 2 ** 31, group: { name: 'g', description: '' } } }
  t.throws(() => decodeEvent(bytes(eventOf(tooLate))), { instanceOf: UndecodableRecord })
  for (const text of ['\\u0000', '😀', 'é']) t.notThrows(() => decodeEvent(bytes(eventOf(group(text)))), text)
})

test('another spelling of a grant that PostgreSQL takes for the same cannot be read', (t) => {
  const upper: Fact = { type: 'TokenRevoked', data: { ...REVOKED.data, grant_id: GRANT.toUpperCase() } }
  t.throws(() => decodeEvent(bytes(eventOf(upper))), { instanceOf: UndecodableRecord, message: /grant_id/ })
})

test('a reuse of a generation after which no column could hold another cannot be read', (t) => {
  const reuse = (presented_generation: number): Fact => ({
    type: 'TokenReuseDetected',
    data: { grant_id: GRANT, client_id: 'app', presented_generation, refresh_grace_seconds: 0 },
  })
  t.throws(() => decodeEvent(bytes(eventOf(reuse(2 ** 31 - 1)))), { instanceOf: UndecodableRecord })
  t.notThrows(() => decodeEvent(bytes(eventOf(reuse(2 ** 31 - 2)))))
})

test('a record is refused under another key and in another partition', (t) => {
  const record = { offset: 3, timestamp: 5, key: Buffer.from(GRANT), value: bytes(eventOf(REVOKED)) }
  const here = { topic: TOPICS.grants, partition: partitionOf(GRANT) }
  t.like(decodeRecord(here, record), { position: { ...here, offset: 3 }, timestamp: 5 })
  t.throws(() => decodeRecord({ ...here, partition: here.partition + 1 }, record), { message: /belongs in partition/ })
  t.throws(() => decodeRecord(here, { ...record, key: Buffer.from('x') }), { message: /the key is not/ })
})

const SEALED_USER = {
  sub: 'a',
  groups: [],
  enabled: true,
  username_index: 'A'.repeat(43),
  personal: { key_id: '0198c0de-bbbb-7000-8000-000000000001', iv: 'aaaa', data: 'aaaa', tag: 'aaaa' },
}

test('what names a person is of version 1 in clear and of version 2 sealed, and neither is read as the other', (t) => {
  const personal = { username: 'ada', name: null, email: null }
  const plain: Fact = {
    type: 'UserPut',
    data: { revision: 1, user: { sub: 'a', groups: [], enabled: true, personal } },
  }
  const sealed: Fact = { type: 'UserPut', data: { revision: 1, user: SEALED_USER } }
  const [one, two] = [eventOf(plain), eventOf(sealed)]
  t.regex(one.dataschema, /\/UserPut\/1$/)
  t.regex(two.dataschema, /\/UserPut\/2$/)
  for (const event of [one, two]) t.deepEqual(decodeEvent(bytes(event)), event)
  for (const mixed of [
    { ...one, dataschema: two.dataschema },
    { ...two, dataschema: one.dataschema },
    { ...two, dataschema: two.dataschema.replace(/2$/, '3') },
  ])
    t.throws(() => decodeEvent(bytes(mixed)), { instanceOf: UndecodableRecord })
})
