import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { arrival } from './waiting.ts'

/** A connection to a listener of this machine, for bytes that no client library would send. */
export function openSocket(port: number): Socket {
  return connect(port, '127.0.0.1').setEncoding('latin1')
}

/** What comes next on this connection. */
export async function nextData(socket: Socket): Promise<string> {
  const [data] = (await arrival(once(socket, 'data'), 'an answer')) as [string]
  return data
}

/** Sends these bytes and gives everything that comes back until the server closes. */
export async function sendRaw(port: number, bytes: string): Promise<string> {
  const socket = openSocket(port)
  let answer = ''
  socket.on('data', (data: string) => (answer += data))
  socket.write(bytes)
  await arrival(once(socket, 'close'), `the end of the answer to ${bytes.slice(0, 40)}`)
  return answer
}
