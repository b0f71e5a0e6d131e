import test from 'ava'
import { parse } from 'yaml'
import { z } from 'zod'
import { SERVICES } from '../../services/cli/compose/service-names.ts'
import { servicesOn } from '../../services/cli/compose/services.ts'
import type { Settings } from '../../shared/config/settings.ts'
import { all, compose, interpolate, ours, read, served } from './compose-file.ts'

const SETTINGS = { ISSUER: 'https://ledger.example', REQUIRE_POST: true } as Settings

/** What a service waits for that has keys of its own, derived after the migration. */
const OWN_KEYS: Record<string, string> = { 'token-check': 'check-keys', projector: 'project-keys' }

test('docker-compose.yml runs every service once, after the migration, with a health check and time to stop', (t) => {
  t.deepEqual(served.flatMap(([, { command }]) => command?.slice(1) ?? []).sort(), [...SERVICES].sort())
  const [, hardLimit = ''] = /HARD_LIMIT_MS = ([\d_]+)/.exec(read('services/cli/compose/serve.ts')) ?? []
  for (const [name, service] of served) {
    const before = Object.entries(service.depends_on)
    t.deepEqual(before, [[OWN_KEYS[name] ?? 'migrate', { condition: 'service_completed_successfully' }]])
    t.truthy(service.healthcheck, name)
    t.true(parseInt(service.stop_grace_period ?? '10s') * 1000 > Number(hardLimit.replace('_', '')), name)
  }
})

test('the health checks of Kafka and PostgreSQL start no JVM and go over TCP, and the migration waits for them', (t) => {
  const { kafka, postgres, migrate } = compose.services
  t.deepEqual(kafka?.healthcheck?.test, ['CMD', 'bash', '-c', '</dev/tcp/127.0.0.1/9092'])
  t.regex(postgres?.healthcheck?.test.join(' ') ?? '', /pg_isready .*-h 127\.0\.0\.1/)
  for (const part of ['kafka', 'postgres']) t.is(migrate?.depends_on[part]?.condition, 'service_healthy', part)
})

test('what is published is on 127.0.0.1 unless told, and the public port is the one of the proxy', (t) => {
  const published = all.flatMap(([name, { ports }]) => ports.map((port) => [name, interpolate(port)]))
  t.deepEqual(published, [
    ['admin', '127.0.0.1:4445:4445'],
    ['proxy', '127.0.0.1:4444:8080'],
  ])
})

test('only the address of the proxy is trusted, and the proxy says whose request it is', (t) => {
  const address = /ipv4_address: '\$\{TOKEN_LEDGER_NETWORK:-([\d.]+)\}(\.\d+)'/.exec(read('docker-compose.yml'))
  for (const name of ['token-endpoint', 'authorize', 'token-check'])
    t.is(
      interpolate(String(compose.services[name]?.environment['LEDGER_TRUSTED_PROXIES'])),
      `${address?.[1] ?? ''}${address?.[2] ?? ''}`,
    )
  const nginx = read('compose/nginx.conf')
  for (const line of ['X-Forwarded-For $remote_addr', 'X-Forwarded-Proto $scheme', 'Host $http_host'])
    t.true(nginx.includes(`proxy_set_header ${line};`), line)
  t.notRegex(nginx, /\$request\b|\$request_uri|\$args|\$query_string/, 'which may hold a token')
})

test('the proxy hands each public path to the service that answers it', (t) => {
  const nginx = read('compose/nginx.conf')
  const places = [...nginx.matchAll(/location ~ (\S+) \{\s+set \$\w+ ([\w-]+);/g)]
  const handed = (path: string) => places.find(([, form = '']) => new RegExp(form).test(path))?.[2] ?? 'token-endpoint'
  for (const name of ['token-endpoint', 'authorize', 'token-check'] as const)
    for (const operation of Object.keys(servicesOn('public', [name])[0]?.operations(SETTINGS) ?? {})) {
      const path = decodeURIComponent(operation.replace(/^\w+ /, '')).replaceAll('\\:', '+').replace(/:\w+/g, 'x')
      t.is(handed(path.replaceAll('+', ':')), name, operation)
    }
})

test('the images are pinned to a minor version, one is built, and Kafka is the one that the tests run', (t) => {
  const images = all.map(([, { image }]) => image).filter((image) => !image.includes('token-ledger'))
  for (const image of [
    ...images,
    ...[...read('Dockerfile').matchAll(/^FROM (\S+:\S+)/gm)].map(([, from = '']) => from),
  ])
    t.regex(image, /:\d+\.\d+/, image)
  t.deepEqual(
    all.filter(([, { build }]) => build !== undefined).map(([name]) => name),
    ['migrate'],
  )
  const [, tested = ''] = /kafka_2\.13<\/artifactId>\s*<version>([\d.]+)/.exec(read('test/kafka/pom.xml')) ?? []
  t.is(compose.services['kafka']?.image, `apache/kafka:${tested}`)
})

test('with three brokers each has its own id, name and data, and every service is told of all three', (t) => {
  const three = z
    .looseObject({ services: z.record(z.string(), z.looseObject({ environment: z.record(z.string(), z.unknown()) })) })
    .parse(parse(read('compose/three-brokers.yml'), { merge: true })).services
  const brokers = ['kafka', 'kafka-2', 'kafka-3']
  const both = brokers.map((name) => ({ ...compose.services['kafka']?.environment, ...three[name]?.environment }))
  t.deepEqual(
    both.map((one) => one['KAFKA_NODE_ID']),
    [1, 2, 3],
  )
  t.deepEqual(
    both.map((one) => one['KAFKA_ADVERTISED_LISTENERS']),
    brokers.map((name) => `PLAINTEXT://${name}:9092`),
  )
  t.is(new Set(both.map((one) => one['KAFKA_CONTROLLER_QUORUM_VOTERS'])).size, 1)
  for (const [name] of ours)
    t.is(three[name]?.environment['LEDGER_KAFKA_BROKERS'], brokers.map((broker) => `${broker}:9092`).join(), name)
})

test('secrets of this folder come into no image: only what the Dockerfile copies leaves it', (t) => {
  const ignored = read('.dockerignore')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
  t.is(ignored[0], '*')
  const copied = [...read('Dockerfile').matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, what = '']) =>
    what.split(' '),
  )
  t.deepEqual(
    [...new Set(copied)].sort(),
    ignored
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1))
      .sort(),
  )
})
