import type { EventLog, Following, Silent } from '../event-log.ts'
import { comparePlaces, placeText } from '../places.ts'
import { createKafkaAppends } from './appends.ts'
import { createKafkaBounds, silentAmong } from './bounds.ts'
import { createCluster, withAdmin, type KafkaLogOptions } from './client/connect.ts'
import { followKafka } from './follow.ts'
import { patchKafkajs } from './client/patches.ts'
import { firstRecords, readRange } from './reads.ts'
import { createKafkaSender } from './sender.ts'
import { createTopics, topicProblems } from './topics.ts'

/** The event log in Kafka. Nobody is connected to before the first call; every call finds its way after an outage. */
export function createKafkaLog(options: KafkaLogOptions): EventLog {
  patchKafkajs()
  const { appendTimeoutMs, logger = () => undefined } = options
  const sender = createKafkaSender(options)
  const appends = createKafkaAppends({ sender, appendTimeoutMs, logger })
  // Apart from each other, so that a long read does not delay the question how far the log reaches.
  const asking = createCluster(options, { requestTimeout: 2_000 })
  const reading = createCluster(options, { requestTimeout: 5_000 })
  const { bounds, boundsNow } = createKafkaBounds(asking)
  const followings = new Set<Following>()

  return {
    append: appends.append,
    bounds,
    boundsNow,
    follow: async (group, topics, follower) => {
      const following = followKafka({ kafka: options, group, topics, follower, bounds, boundsNow, logger })
      followings.add(following)
      following.ended.catch(() => undefined).finally(() => followings.delete(following))
      return following
    },
    firstRecords: (places) => firstRecords(asking, places),
    read: (range, signal) => readRange({ cluster: reading, bounds }, range, signal),
    clusterId: async () => (await withAdmin(options, (admin) => admin.describeCluster())).clusterId,
    create: async (topics) => {
      await createTopics(options, topics)
      // A broker may be named the leader of a new partition before it knows that it is.
      await bounds(topics.map(({ topic }) => topic))
    },
    problems: (topics) => topicProblems(options, topics, boundsNow),
    unwritable: async (places) => {
      // Who answers is asked on another connection, so that a question does not wait behind what is sent.
      const [unreached, silent] = await Promise.all([sender.reach(places), silentAmong(places, boundsNow)])
      return oneOfEach([...appends.failing(), ...silent, ...unreached])
    },
    close: async () => {
      await appends.close()
      await Promise.all([...followings].map((following) => following.stop()))
      await Promise.all([asking.disconnect(), reading.disconnect()])
    },
  }
}

// The last reason of each: it says most.
function oneOfEach(silent: Silent[]): Silent[] {
  return [...new Map(silent.map((one) => [placeText(one), one])).values()].toSorted(comparePlaces)
}
