// What is used of kafkajs beyond its public types. Its last release (2.2.4) is pinned, so these cannot move.

declare module 'kafkajs/src/cluster/index.js' {
  type Places<P> = { topic: string; partitions: P[] }[]
  type PartitionLeader = { partitionId: number; leader: number }

  export type FetchedMessage = {
    offset: string
    timestamp: string
    key: Buffer | null
    value: Buffer | null
    isControlRecord: boolean
    batchContext?: { partitionLeaderEpoch: number; timestampType: number }
  }

  export type Broker = {
    produce(request: {
      acks: number
      timeout: number
      compression: number
      topicData: Places<{ partition: number; messages: { key: string; value: string }[] }>
    }): Promise<{
      topics: {
        topicName: string
        partitions: { partition: number; baseOffset: string; logAppendTime?: string }[]
      }[]
    }>
    fetch(request: {
      maxWaitTime: number
      minBytes: number
      maxBytes: number
      isolationLevel: number
      topics: Places<{ partition: number; fetchOffset: string; maxBytes: number }>
    }): Promise<{ responses: { topicName: string; partitions: { messages: FetchedMessage[] }[] }[] }>
    listOffsets(request: {
      isolationLevel: number
      topics: Places<{ partition: number; timestamp: string }>
    }): Promise<{ responses: Places<{ partition: number; offset: string }> }>
    disconnect(): Promise<void>
  }

  export default class Cluster {
    constructor(options: Record<string, unknown>)
    readonly brokerPool: {
      readonly metadata: { topicMetadata: { topic: string; partitionMetadata: PartitionLeader[] }[] } | null
    }
    connect(): Promise<void>
    disconnect(): Promise<void>
    addTargetTopic(topic: string): Promise<void>
    refreshMetadata(): Promise<void>
    findBroker(place: { nodeId: string }): Promise<Broker>
    removeBroker(address: { host: string; port: number }): void
  }
}

declare module 'kafkajs/src/loggers/index.js' {
  const loggers: { createLogger(options: { level: number; logCreator: unknown }): unknown }
  export default loggers
}

declare module 'kafkajs/src/network/socketFactory.js' {
  const createSocketFactory: () => unknown
  export default createSocketFactory
}

declare module 'kafkajs/src/consumer/offsetManager/index.js' {
  export default class OffsetManager {
    readonly topics: string[]
    readonly memberAssignment: Record<string, number[]>
    committedOffsets(): Record<string, Record<number, string | undefined>>
    resolveOffsets(): Promise<void>
  }
}

declare module 'kafkajs/src/broker/index.js' {
  export default class Broker {
    readonly brokerAddress: string
    isConnected(): boolean
    connect(): Promise<void>
    disconnect(): Promise<void>
  }
}

declare module 'kafkajs/src/network/connection.js' {
  export default class Connection {
    readonly socket?: import('node:net').Socket
    chunks: Buffer[]
    bytesBuffered: number
    bytesNeeded: number
    readonly broker: string
    isConnected(): boolean
    rejectRequests(error: Error): void
    connect(): Promise<boolean>
    disconnect(): Promise<boolean>
  }
}

declare module 'kafkajs/src/network/requestQueue/index.js' {
  export default class RequestQueue {
    readonly pending: unknown[]
    readonly throttledUntil: number
    scheduleCheckPendingRequests(): void
  }
}

declare module 'kafkajs/src/protocol/requests/metadata/v0/response.js' {
  type Metadata = { topicMetadata: { partitionMetadata: unknown[] }[] }
  const response: { parse: (this: void, data: Metadata) => Promise<Metadata> }
  export default response
}
