import { fork } from 'node:child_process'
import { once } from 'node:events'
import { v7 as uuidv7 } from 'uuid'
import { envelop } from '../shared/event-log/event-codec.ts'
import { partitionOf } from '../shared/event-log/places.ts'
import { formatToken } from '../shared/tokens/token-string.ts'
import { createKafkaLog } from '../shared/event-log/kafka/kafka-log.ts'
import { ask, load, WARM_MS, type Round, type Subject } from './subject.ts'

const ROOT = new URL('..', import.meta.url).pathname

/** Requests/s of Koa, router and body parser alone, with the bytes of a real request and a real answer. */
export async function bareKoa(
  { port, authorization, grants, keys }: Subject,
  { generator, concurrency, measureMs }: Round,
): Promise<number> {
  const tokens = await grants(1)
  const sample = await fetch(`http://127.0.0.1:${port}/oauth2/token`, {
    method: 'POST',
    headers: { authorization },
    body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: tokens[0] ?? '' }),
  })
  const headers = Object.fromEntries(
    [...sample.headers].filter(([name]) => !/^(date|connection|keep-alive|content-length|content-type)$/.test(name)),
  )
  const child = fork(`${ROOT}bench/bare-koa.ts`, [await sample.text(), JSON.stringify(headers)], {
    execArgv: ['--import', 'tsx'],
    env: { ...process.env, NODE_ENV: 'production' },
  })
  try {
    const [{ port: barePort }] = (await once(child, 'message')) as [{ port: number }]
    const presented = Array.from({ length: concurrency }, () =>
      formatToken(keys, 'rt', { kid: 1, grant_id: uuidv7(), generation: 1 }),
    )
    const order = { generator, port: barePort, authorization, tokens: presented }
    await load({ ...order, measureMs: WARM_MS })
    const { requests, seconds } = await load({ ...order, measureMs })
    return requests / seconds
  } finally {
    child.kill()
  }
}

/** Acknowledged records/s of kafkajs alone, in batches of `concurrency`. */
export async function bareLog(
  brokers: string[],
  { keys }: Subject,
  concurrency: number,
  measureMs: number,
): Promise<number> {
  const topic = `bench-${uuidv7()}`
  const log = createKafkaLog({ brokers, clientId: 'bench', appendTimeoutMs: 5_000 })
  await log.create([{ topic, partitions: 12 }])
  await log.close()
  const records = Array.from({ length: concurrency }, () => {
    const grant_id = uuidv7()
    const data = {
      grant_id,
      client_id: 'bench',
      access_generation: 2,
      refresh_generation: 2,
      kid: keys.current,
      scope: 'orders.read',
      access_token_lifetime: 3600,
      refresh_grace_seconds: 30,
    }
    const context = { actor: 'client/bench', requestid: uuidv7(), clientaddress: '127.0.0.1' }
    const event = envelop({ type: 'TokenRefreshed', data }, 'http://127.0.0.1:4444', context, Date.now())
    return { partition: partitionOf(grant_id), key: grant_id, value: JSON.stringify(event) }
  })
  const { records: sent, seconds } = await ask<{ records: number; seconds: number }>('bare-log.ts', {
    brokers,
    topic,
    records,
    measureMs,
  })
  return sent / seconds
}

/** Upserts/s of pg alone, one transaction for `concurrency` grants. */
export async function barePostgres(url: string, concurrency: number, measureMs: number): Promise<number> {
  const { records, seconds } = await ask<{ records: number; seconds: number }>('bare-pg.ts', {
    url,
    batch: concurrency,
    measureMs,
  })
  return records / seconds
}
