import kafkajs from 'kafkajs'
import Broker from 'kafkajs/src/broker/index.js'
import OffsetManager from 'kafkajs/src/consumer/offsetManager/index.js'
import Connection from 'kafkajs/src/network/connection.js'
import metadataResponse from 'kafkajs/src/protocol/requests/metadata/v0/response.js'
import RequestQueue from 'kafkajs/src/network/requestQueue/index.js'
import { registerCodecs } from './codecs.ts'

const SIZE_BYTES = 4

let patched = false

/**
 * Mends six faults of kafkajs 2.2.4, whose maintenance ended in 2023, and adds the codecs that it lacks. To be called
 * before the first client is made.
 */
export function patchKafkajs(): void {
  if (patched) return
  patched = true
  stopIdleTimer()
  bearLeaderlessPartitions()
  askForNoOffsets()
  openOneSocket()
  hangUpOnSilence()
  beginAfresh()
  registerCodecs()
}

// An idle connection re-armed a timer of 1 ms for ever: 3 to 4 % of a core.
function stopIdleTimer(): void {
  const schedule = Reflect.get(RequestQueue.prototype, 'scheduleCheckPendingRequests')
  RequestQueue.prototype.scheduleCheckPendingRequests = function (this: RequestQueue) {
    if (this.pending.length > 0 || this.throttledUntil > Date.now()) schedule.call(this)
  }
}

// One partition without a leader made every refresh of the metadata fail, so that nobody could learn the new leaders of
// the others. Such a partition says so itself (leader -1); an error of a whole topic still throws.
function bearLeaderlessPartitions(): void {
  const { parse } = metadataResponse
  metadataResponse.parse = async (data) => {
    const withoutPartitions = data.topicMetadata.map((topic) => ({ ...topic, partitionMetadata: [] }))
    await parse({ ...data, topicMetadata: withoutPartitions })
    return data
  }
}

// After every join a consumer asked for the first offset of all its partitions at once, and while one had no leader it
// got none and fetched nothing at all. Our followers say themselves where to begin, before anything is fetched.
function askForNoOffsets(): void {
  OffsetManager.prototype.resolveOffsets = async function (this: OffsetManager) {
    const committed = this.committedOffsets()
    for (const topic of this.topics) {
      const own = (committed[topic] ??= {})
      for (const partition of this.memberAssignment[topic] ?? []) own[partition] ??= '0'
    }
  }
}

// Several first fetches at once (a replay reads every partition) each opened a socket, and only the last was ever
// closed: the process could not end. One that is disconnected meanwhile may never settle, so it is not waited for any
// longer.
function openOneSocket(): void {
  const connect = Reflect.get(Connection.prototype, 'connect')
  const disconnect = Reflect.get(Connection.prototype, 'disconnect')
  const opening = new WeakMap<Connection, Promise<boolean>>()
  Connection.prototype.connect = function (this: Connection) {
    const connecting = opening.get(this) ?? connect.call(this)
    opening.set(this, connecting)
    const forget = () => opening.delete(this)
    connecting.then(forget, forget)
    return connecting
  }
  Connection.prototype.disconnect = function (this: Connection) {
    opening.delete(this)
    return disconnect.call(this)
  }
}

// A broker that took the connection and did not say its versions in time stayed "connected" without them: every request
// failed until the broker closed the idle connection, after ten minutes. And the first of the list was asked for ever,
// however many stood behind it: kafkajs goes on to the next after an error of the connection only.
function hangUpOnSilence(): void {
  const connect = Reflect.get(Broker.prototype, 'connect')
  const isConnected = Reflect.get(Broker.prototype, 'isConnected')
  const opening = new WeakMap<Broker, Promise<void>>()
  Broker.prototype.isConnected = function (this: Broker) {
    return !opening.has(this) && isConnected.call(this)
  }
  Broker.prototype.connect = function (this: Broker) {
    if (this.isConnected()) return Promise.resolve()
    const opened = opening.get(this) ?? connect.call(this).catch(async (error: unknown) => hangUp(this, error))
    opening.set(this, opened)
    const forget = () => opening.delete(this)
    opened.then(forget, forget)
    return opened
  }
}

async function hangUp(broker: Broker, error: unknown): Promise<never> {
  await broker.disconnect()
  // By its message: what happens while it logs in is told in words only.
  const isSilence = error instanceof Error && error.message.endsWith('timed out')
  throw isSilence ? new kafkajs.KafkaJSConnectionError(error.message, { broker: broker.brokerAddress }) : error
}

// The next socket of a connection went on with what the last had left: with half of an answer before its own, so that
// no answer was understood any more, and it was closed when the old one ended.
function beginAfresh(): void {
  const connect = Reflect.get(Connection.prototype, 'connect')
  const disconnect = Reflect.get(Connection.prototype, 'disconnect')
  Connection.prototype.connect = function (this: Connection) {
    if (!this.isConnected()) Object.assign(this, { chunks: [], bytesBuffered: 0, bytesNeeded: SIZE_BYTES })
    return connect.call(this)
  }
  Connection.prototype.disconnect = async function (this: Connection) {
    const { socket, broker } = this
    const disconnected = await disconnect.call(this)
    // One that is still being opened must tell how that ends.
    if (!socket || socket.connecting) return disconnected
    socket.destroy()
    // Asked between the last answer and now.
    if (socket === this.socket) this.rejectRequests(new kafkajs.KafkaJSConnectionError('Closed connection', { broker }))
    return disconnected
  }
}
