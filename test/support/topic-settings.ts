import kafkajs, { type Admin, type ITopicConfig } from 'kafkajs'
import { until } from './waiting.ts'

const { TOPIC } = kafkajs.ConfigResourceTypes

/** What makes a topic sound: Kafka forgets every setting of a topic that a change does not repeat. */
export const KEEPS_HISTORY = {
  'cleanup.policy': 'delete',
  'retention.ms': '-1',
  'retention.bytes': '-1',
  'message.timestamp.type': 'LogAppendTime',
  'unclean.leader.election.enable': 'false',
  'compression.type': 'uncompressed',
}

/** Gives a topic, or a broker, exactly these settings. */
export async function configure(admin: Admin, name: string, settings: Record<string, string>, type = TOPIC) {
  const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }))
  await admin.alterConfigs({ validateOnly: false, resources: [{ type, name, configEntries }] })
}

/** Makes a topic, and waits until its leaders answer: kafkajs's own wait takes what is not known yet for an error. */
export async function createTopic(admin: Admin, config: ITopicConfig): Promise<void> {
  await admin.createTopics({ topics: [config], waitForLeaders: false })
  const answers = () => admin.fetchTopicOffsets(config.topic).then(Boolean, () => false)
  await until(answers, `topic ${config.topic}`)
}
