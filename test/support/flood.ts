import { connect, type Socket } from 'node:net'
import { arrival } from './waiting.ts'

/** How many requests one connection has sent that are not answered yet, at most. */
const IN_FLIGHT = 32

export type Flood = { to: number; count: number; connections: number; request: (n: number) => string }

/**
 * Sends this many requests as bytes to a port of this machine, pipelined over a few connections, as fast as they are
 * answered. How often each status came; rejects when a connection ends before all is answered.
 */
export async function flood({ to, count, connections, request }: Flood): Promise<Record<number, number>> {
  const statuses: Record<number, number> = {}
  let next = 0
  const take = (): string | null => (next < count ? request(next++) : null)
  const note = (status: number) => (statuses[status] = (statuses[status] ?? 0) + 1)
  await Promise.all(Array.from({ length: connections }, () => sendAll(connect(to, '127.0.0.1'), take, note)))
  return statuses
}

/** Nothing of a body looks like this. */
const STATUS_LINE = /HTTP\/1\.1 (\d{3}) [^\r]*\r\n/g

async function sendAll(socket: Socket, take: () => string | null, note: (status: number) => void): Promise<void> {
  let [unread, waiting] = ['', 0]
  const send = () => {
    const batch: string[] = []
    for (let one = take(); one !== null; one = take()) if (batch.push(one) + waiting >= IN_FLIGHT) break
    waiting += batch.length
    if (waiting === 0) socket.end()
    else if (batch.length > 0) socket.write(batch.join(''))
  }
  const done = new Promise<void>((resolve, reject) => {
    socket.setEncoding('latin1').on('error', reject)
    socket.on('close', () => (waiting > 0 ? reject(new Error(`${waiting} requests had no answer`)) : resolve()))
    socket.on('data', (data: string) => {
      const text = unread + data
      const found = [...text.matchAll(STATUS_LINE)]
      for (const [, status] of found) note(Number(status))
      const last = found.at(-1)
      // What may be the beginning of the next status line.
      unread = text.slice(Math.max(last ? last.index + last[0].length : 0, text.length - 64))
      waiting -= found.length
      if (waiting <= IN_FLIGHT / 2) send()
    })
  })
  send()
  await arrival(done, 'the end of a flood', 120_000)
}
