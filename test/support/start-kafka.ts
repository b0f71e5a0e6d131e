import { randomBytes } from 'node:crypto'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeCertificates } from './certificates.ts'
import { freePorts, hasProgram, run } from './commands.ts'
import { scratchFolder } from './scratch.ts'

const SCRIPT = join(import.meta.dirname, '../kafka/kafka.sh')

/**
 * A real Kafka of its own. Node 0 is the controller, brokers are 1…N; without a number, an action means every broker.
 */
export type KafkaCluster = {
  brokers: string[]
  /** What a process needs to get in, beside the brokers; files that are named stay until `stop`. */
  settings: Record<string, string>
  /** Where this broker keeps its partitions, each in a folder TOPIC-PARTITION. */
  dataOf(id: number): string
  /** SIGKILL, as in a crash. */
  kill(...ids: number[]): Promise<void>
  /** Starts what is down, with its data; resolves when every broker takes clients. */
  restart(): Promise<void>
  /** SIGSTOP: the connections stay open and nobody answers. */
  pause(...ids: number[]): Promise<void>
  resume(...ids: number[]): Promise<void>
  /** Ends all nodes and removes their data. */
  stop(): Promise<void>
}

/** Why no Kafka can be started on this machine, or undefined. */
export function missingForKafka(): string | undefined {
  const missing = ['bash', 'java', 'mvn', 'openssl', 'ps'].filter((program) => !hasProgram(program))
  return missing.length
    ? `${missing.join(', ')} not found (Debian: openjdk-17-jre-headless maven openssl procps)`
    : undefined
}

/**
 * Starts a Kafka of `brokers` brokers and one controller in a folder and on ports of its own: 4 to 20 s. A secure one
 * lets clients in over TLS only, with a certificate, and by SCRAM-SHA-512 or PLAIN.
 */
export async function startKafka({ brokers = 1, secure = false } = {}): Promise<KafkaCluster> {
  const folder = await scratchFolder('kafka')
  const port = await freePorts(2 * brokers + 1)
  const { tls, settings } = secure ? await makeSecure(join(folder, 'tls')) : { tls: '', settings: {} }
  const all = Array.from({ length: brokers }, (_, index) => index + 1)
  const script = (...args: string[]) =>
    run({ file: SCRIPT, args, env: { KAFKA_DATA: folder, KAFKA_BASE_PORT: String(port), KAFKA_TLS: tls } })
  const signal = async (name: 'SIGSTOP' | 'SIGCONT', ids: number[]) => {
    for (const id of ids.length ? ids : all)
      process.kill(Number(await readFile(join(folder, `node-${id}/pid`), 'utf8')), name)
  }
  const cluster: KafkaCluster = {
    brokers: all.map((id) => `127.0.0.1:${port + id}`),
    settings,
    dataOf: (id) => join(folder, `node-${id}/log`),
    kill: async (...ids) => void (await script('kill', ...(ids.length ? ids : all).map(String))),
    restart: async () => void (await script('start')),
    pause: (...ids) => signal('SIGSTOP', ids),
    resume: (...ids) => signal('SIGCONT', ids),
    stop: () => removeKafka(folder),
  }
  await script('start', String(brokers)).catch(async (error: unknown) => {
    await cluster.stop()
    throw error
  })
  return cluster
}

/** Ends every node whose data lies in the folder, then removes it. Nothing to flush: the data goes too. */
export async function removeKafka(folder: string): Promise<void> {
  const count = Number(await readFile(join(folder, 'brokers'), 'utf8').catch(() => '0'))
  const nodes = Array.from({ length: count + 1 }, (_, id) => String(id))
  await run({ file: SCRIPT, args: ['kill', ...nodes], env: { KAFKA_DATA: folder } })
  await rm(folder, { recursive: true, force: true, maxRetries: 5 })
}

async function makeSecure(tls: string): Promise<{ tls: string; settings: Record<string, string> }> {
  await mkdir(tls)
  await makeCertificates(tls)
  const password = randomBytes(18).toString('hex')
  await writeFile(join(tls, 'password'), password)
  const settings = {
    LEDGER_KAFKA_SSL: join(tls, 'ca.pem'),
    LEDGER_KAFKA_SSL_CERTIFICATE: join(tls, 'client.pem'),
    LEDGER_KAFKA_SSL_KEY_FILE: join(tls, 'client.key'),
    LEDGER_KAFKA_SASL_MECHANISM: 'scram-sha-512',
    LEDGER_KAFKA_SASL_USERNAME: 'ledger',
    LEDGER_KAFKA_SASL_PASSWORD: password,
  }
  return { tls, settings }
}
