import { once } from 'node:events'
import { createConnection, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type { ExecutionContext } from 'ava'

/** What stands between a process and its brokers, and can do to it what a network or a frozen broker does. */
export type KafkaProxy = {
  /** In place of the brokers; what these say of their own addresses is changed on the way. */
  brokers: string[]
  /** From now on nothing is answered: connections are taken, requests and answers are kept, as by a frozen broker. */
  hold(): void
  /** What was kept goes on its way. */
  pass(): void
  /** Requests of this kind (`apiKey`) reach the broker so much later, and with them what follows on the connection. */
  delay(apiKey: number, ms: number): void
  /** How many requests of this kind have come, those that are kept as well. */
  asked(apiKey: number): number
  /** Closes every connection. */
  cut(): void
  /** The next answer is cut in the middle, and nothing more comes on its connection. */
  tear(): void
}

/** Of Kafka's protocol. */
export const FIND_COORDINATOR = 10
export const PRODUCE = 0

type Line = {
  sockets: Set<Socket>
  held: Promise<void>
  delays: Map<number, number>
  tearing: boolean
  asked: Map<number, number>
  /** For each broker the address that the process is told instead. */
  addresses: Map<string, string>
}

/**
 * Stands in front of brokers that advertise the addresses given here. With `held` it answers nothing from the start.
 * `name`, as long as the brokers' host, is told in its place.
 */
export async function startKafkaProxy(
  t: Pick<ExecutionContext, 'teardown'>,
  brokers: readonly string[],
  { held = false, name }: { held?: boolean; name?: string } = {},
): Promise<KafkaProxy> {
  let release = () => {}
  const line: Line = {
    sockets: new Set(),
    held: Promise.resolve(),
    delays: new Map(),
    tearing: false,
    asked: new Map(),
    addresses: new Map(),
  }
  const hold = () => {
    release()
    line.held = new Promise((resolve) => (release = resolve))
  }
  if (held) hold()
  for (const broker of brokers) line.addresses.set(broker, `${name ?? hostOf(broker)}:${await listen(t, broker, line)}`)
  const cut = () => line.sockets.forEach((socket) => socket.destroy())
  t.teardown(cut)
  return {
    brokers: [...line.addresses.values()],
    hold,
    pass: () => release(),
    delay: (apiKey, ms) => void line.delays.set(apiKey, ms),
    asked: (apiKey) => line.asked.get(apiKey) ?? 0,
    cut,
    tear: () => (line.tearing = true),
  }
}

async function listen(t: Pick<ExecutionContext, 'teardown'>, broker: string, line: Line): Promise<number> {
  const server: Server = createServer((client) => {
    const upstream = createConnection({ host: hostOf(broker), port: portOf(broker) })
    for (const socket of [client, upstream]) {
      line.sockets.add(socket)
      socket.on('error', () => socket.destroy()).once('close', () => line.sockets.delete(socket))
    }
    join(client, upstream, line)
  })
  t.teardown(() => server.close())
  server.listen(0, hostOf(broker))
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

// Each direction keeps its order. Who hangs up is heard only after what he sent before.
function join(client: Socket, upstream: Socket, line: Line): void {
  const there = inOrder()
  const back = inOrder()
  let torn = false
  client.on(
    'data',
    framed((request) => {
      const apiKey = request.readInt16BE(4)
      line.asked.set(apiKey, (line.asked.get(apiKey) ?? 0) + 1)
      there(async () => {
        await pause(line.delays.get(apiKey) ?? 0)
        await line.held
        upstream.write(request)
      })
    }),
  )
  client.on('end', () => there(async () => void (await line.held, upstream.end())))
  upstream.on(
    'data',
    framed((answer) =>
      back(async () => {
        await line.held
        if (torn || client.destroyed) return
        torn = line.tearing
        line.tearing = false
        const told = readdressed(answer, line.addresses)
        client.write(torn ? told.subarray(0, Math.ceil(told.length / 2)) : told)
      }),
    ),
  )
  upstream.on('close', () => back(async () => void (await line.held, client.end())))
}

function inOrder(): (work: () => Promise<void>) => void {
  let turn = Promise.resolve()
  return (work) => void (turn = turn.then(work))
}

/** Cuts a stream into Kafka's frames: four bytes of length, then as many. */
function framed(onFrame: (frame: Buffer) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0)
  return (chunk) => {
    rest = Buffer.concat([rest, chunk])
    while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
      const size = 4 + rest.readInt32BE(0)
      onFrame(rest.subarray(0, size))
      rest = rest.subarray(size)
    }
  }
}

// Brokers name themselves as a host and four bytes of port, so the length stays.
function readdressed(answer: Buffer, addresses: Map<string, string>): Buffer {
  for (const [broker, other] of addresses) {
    const [own, told] = [broker, other].map(addressBytes)
    if (own?.length !== told?.length) throw new Error(`${other} is not as long as ${broker}`)
    if (own && told) for (let at = answer.indexOf(own); at >= 0; at = answer.indexOf(own, at + 1)) told.copy(answer, at)
  }
  return answer
}

function addressBytes(address: string): Buffer {
  const port = Buffer.alloc(4)
  port.writeInt32BE(portOf(address))
  return Buffer.concat([Buffer.from(hostOf(address)), port])
}

function hostOf(broker: string): string {
  return broker.slice(0, broker.lastIndexOf(':'))
}

function portOf(broker: string): number {
  return Number(broker.slice(broker.lastIndexOf(':') + 1))
}
