import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import kafkajs from 'kafkajs'
import { ROOT } from '../../admin/ledger.ts'
import { everythingIn } from '../../admin/people/everything.ts'
import { ADA, forget, putNew, seedNames, SUB } from '../../admin/people/person.ts'
import { commandLine } from '../../support/command-line.ts'
import { type LedgerProcess, tokenLedger } from '../../support/ledger-process.ts'
import { realTest } from '../../support/real-parts.ts'
import { startKafka } from '../../support/start-kafka.ts'
import { until } from '../../support/waiting.ts'
import { type MigratedLedger, migratedLedger } from './people.ts'

const test = realTest('kafka', 'postgres')

/** A slow machine is no outage. */
const PATIENT = { LEDGER_APPEND_TIMEOUT: '20', LEDGER_REFRESH_GRACE_PUBLIC: '22' }

/** The names as they are, and in base64 at each of its three alignments, and in hex. */
const FORMS = Object.values(ADA).flatMap((name) => [
  name,
  Buffer.from(name).toString('hex'),
  ...[0, 1, 2].map((pad) =>
    Buffer.from(`${' '.repeat(pad)}${name}`)
      .toString('base64')
      .slice(pad === 0 ? 0 : 4, -4),
  ),
])

/** How many of the names stand in a text, in whatever form and letter case. */
function namesIn(text: string): string[] {
  const lower = text.toLowerCase()
  return FORMS.filter((form) => text.includes(form) || lower.includes(form.toLowerCase()))
}

/** All bytes that the broker has on its disk, of records, indexes and snapshots of whatever topic. */
async function bytesOf(folder: string): Promise<string> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = found.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  return (await Promise.all(files.map((file) => readFile(file, 'latin1')))).join('\n')
}

/** Every record of the ledger's topics as any consumer gets it: keys, values and headers. */
async function recordsOf({ runtime, env }: MigratedLedger): Promise<string> {
  const { topics, log } = runtime
  const kafka = new kafkajs.Kafka({
    brokers: (env['LEDGER_KAFKA_BROKERS'] ?? '').split(','),
    logLevel: kafkajs.logLevel.NOTHING,
  })
  const consumer = kafka.consumer({ groupId: `${topics.registry}.reads-all` })
  const left = (await log.bounds(Object.values(topics))).reduce((sum, { first, end }) => sum + end - first, 0)
  const records: string[] = []
  await consumer.connect()
  try {
    await consumer.subscribe({ topics: Object.values(topics), fromBeginning: true })
    await consumer.run({
      eachMessage: ({ message: { key, value, headers } }) => {
        records.push([key, value, ...Object.values(headers ?? {})].map((part) => part?.toString('latin1')).join(' '))
        return Promise.resolve()
      },
    })
    await until(() => records.length >= left, 'all records')
  } finally {
    await consumer.disconnect()
  }
  return records.join('\n')
}

/** What the commands print that show events and people, and what the services answer. */
async function told({ env, on }: MigratedLedger, admin: LedgerProcess): Promise<string> {
  const services = { LEDGER_URL: admin.url, LEDGER_ADMIN_URL: admin.adminUrl }
  const as = { ...env, ...services, LEDGER_CLIENT_ID: ROOT.client_id, LEDGER_CLIENT_SECRET: ROOT.client_secret }
  const commands = [
    ...['json', 'jsonl', 'table'].map((format) => ['audit', 'replay', '--format', format]),
    ['users', 'export', SUB],
  ]
  const texts: string[] = []
  for (const command of commands) {
    const { code, out, err } = await commandLine(as, ...command)
    if (code !== 0) throw new Error(`${command.join(' ')}: ${code} ${err}`)
    texts.push(out, err)
  }
  const asked = [putNew(on(admin)), putNew(on(admin), { ...ADA, groups: ['Nobody'] }, 'b'), forget(on(admin))]
  texts.push(...(await Promise.all(asked)).map(({ body }) => JSON.stringify(body)))
  const { send, root: token } = on(admin)
  const list = await send('GET', '/admin/users', { token })
  return [...texts, JSON.stringify(list.body)].join('\n')
}

test('traps-running 21: a name stands in no byte of Kafka, not even before it is forgotten, and afterwards nowhere at all', async (t) => {
  seedNames()
  const kafka = await startKafka()
  t.teardown(() => kafka.stop())
  const ledger = await migratedLedger(t, kafka.brokers, PATIENT)
  const { env, runtime, on, logIn } = ledger
  let [admin, projector] = await Promise.all([ledger.admin(), ledger.projector()])
  const processes = [admin, projector]
  await logIn(admin)
  t.is((await putNew(on(admin))).status, 201)
  t.is((await putNew(on(admin), { username: 'Grace' }, 'grace')).status, 201)
  const patched = await on(admin).send('PATCH', `/admin/users/${SUB}`, {
    token: on(admin).root,
    body: { name: ADA.name, enabled: true },
    headers: { 'if-match': '"1"' },
  })
  t.is(patched.status, 200)
  t.true(namesIn(await everythingIn(runtime.knex)).length >= 3, 'they are looked for where they are')
  t.deepEqual(namesIn(await recordsOf(ledger)), [])
  const before = await bytesOf(kafka.dataOf(1))
  t.true(before.includes('UserPut'), 'the records are looked for where they are')
  t.deepEqual(namesIn(before), [])

  t.is((await forget(on(admin))).status, 200)
  t.deepEqual(namesIn(await everythingIn(runtime.knex)), [])
  const commands = [await told(ledger, admin), await tokenLedger(env, 'projection', 'rebuild')]
  const schema = /^\w+/.exec(commands[1] ?? '')?.[0] ?? ''
  await Promise.all([admin.kill('SIGTERM'), projector.kill('SIGTERM')])
  ;[admin, projector] = await Promise.all([ledger.admin(), ledger.projector()])
  processes.push(admin, projector)
  await until(async () => (await commandLine(env, 'projection', 'switch', schema)).code === 0, 'a switch')
  await Promise.all([admin.kill('SIGKILL'), projector.kill('SIGKILL')])
  ;[admin, projector] = await Promise.all([ledger.admin(), ledger.projector()])
  processes.push(admin, projector)
  await logIn(admin)
  commands.push(await told(ledger, admin))
  t.deepEqual(namesIn(commands.join('\n')), [])
  t.regex(commands.join('\n'), /Grace/, 'people are shown')
  t.deepEqual(namesIn(await everythingIn(runtime.knex)), [])
  t.deepEqual(namesIn(await recordsOf(ledger)), [])
  t.deepEqual(namesIn(await bytesOf(kafka.dataOf(1))), [])
  t.deepEqual(namesIn(JSON.stringify(processes.map(({ logs, printed }) => [logs, printed()]))), [])
})
