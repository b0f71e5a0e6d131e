import kafkajs, { type Admin } from 'kafkajs'

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
