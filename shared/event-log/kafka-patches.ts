import metadataResponse from 'kafkajs/src/protocol/requests/metadata/v0/response.js'
import RequestQueue from 'kafkajs/src/network/requestQueue/index.js'

let patched = false

/** Mends two faults of kafkajs 2.2.4, whose maintenance ended in 2023. To be called before the first client is made. */
export function patchKafkajs(): void {
  if (patched) return
  patched = true
  stopIdleTimer()
  bearLeaderlessPartitions()
}

// An idle connection re-armed a timer of 1 ms for ever: 3 to 4 % of a core.
function stopIdleTimer(): void {
  const schedule = Reflect.get(RequestQueue.prototype, 'scheduleCheckPendingRequests')
  RequestQueue.prototype.scheduleCheckPendingRequests = function (this: RequestQueue) {
    if (this.pending.length > 0 || this.throttledUntil > Date.now()) schedule.call(this)
  }
}

// One partition without a leader made every refresh of the metadata fail, so that nobody could learn the new leaders of the
// others. Such a partition says so itself (leader -1); an error of a whole topic still throws.
function bearLeaderlessPartitions(): void {
  const { parse } = metadataResponse
  metadataResponse.parse = async (data) => {
    const withoutPartitions = data.topicMetadata.map((topic) => ({ ...topic, partitionMetadata: [] }))
    await parse({ ...data, topicMetadata: withoutPartitions })
    return data
  }
}
