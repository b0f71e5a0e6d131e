import { z } from 'zod'
import * as form from '../values.ts'

/** Marks a setting that must not stand in a process list: it can also be given as NAME_FILE, the path of a file. */
export const secret = (description: string) => ({ description, secret: true })

/** Where the database and the log stand, a part of all settings. */
export const PARTS_SETTINGS = {
  DATABASE_URL: form.postgresUrl
    .optional()
    .meta(secret('PostgreSQL. Without it, host and brokers: dev mode, an embedded database in `LEDGER_DATA_DIR`')),
  DATABASE_HOST: form.databaseHost
    .optional()
    .describe('Instead of `LEDGER_DATABASE_URL`, and as they are: its host, or the folder of a socket'),
  DATABASE_PORT: form.port.prefault('5432').describe('Port of `LEDGER_DATABASE_HOST`'),
  DATABASE_NAME: z.string().optional().describe('Database on `LEDGER_DATABASE_HOST`'),
  DATABASE_USER: z.string().optional().describe('User name at `LEDGER_DATABASE_HOST`'),
  DATABASE_PASSWORD: z
    .string()
    .optional()
    .meta(secret('Its password, where it has one: any characters, none of them encoded')),
  DATABASE_POOL: form.whole(1, 1000).prefault('10').describe('Database connections per process'),
  DATABASE_POOLER: z
    .enum(['none', 'transaction'], form.oneOf('none or transaction'))
    .prefault('none')
    .describe(
      '`transaction`: behind PgBouncer in transaction mode, where the role must have [our settings](production.md#a-pooler)',
    ),
  KAFKA_BROKERS: form.brokers
    .optional()
    .describe('`host:port,host:port`. Without it the event log is a table in the same database'),
  KAFKA_SSL: form.kafkaSsl.prefault('false').describe('`true`, or the path of a PEM file with the CAs to trust'),
  KAFKA_SSL_CERTIFICATE: form.certificateFile
    .optional()
    .describe('Path of a PEM file with our certificate, where Kafka asks clients for one (mutual TLS)'),
  KAFKA_SSL_KEY: form.privateKey.optional().meta(secret('The private key of that certificate, in PEM form')),
  KAFKA_SASL_MECHANISM: z
    .enum(['plain', 'scram-sha-256', 'scram-sha-512'], form.oneOf('plain, scram-sha-256 or scram-sha-512'))
    .optional()
    .describe('`plain`, `scram-sha-256` or `scram-sha-512`'),
  KAFKA_SASL_USERNAME: z.string().optional().describe('User name at Kafka'),
  KAFKA_SASL_PASSWORD: z.string().optional().meta(secret('Password at Kafka')),
  KAFKA_TOPIC_PREFIX: form.topicPrefix
    .prefault('token-ledger')
    .describe('Topics are `PREFIX.grants` and `PREFIX.registry`; consumer groups begin with it too'),
}
