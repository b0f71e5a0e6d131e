import { readFileSync } from 'node:fs'
import test from 'ava'
import { parse } from 'yaml'
import { z } from 'zod'
import { SERVICES } from '../services/cli/compose/service-names.ts'
import { loadSettings } from '../shared/config/load-settings.ts'
import { CLIENT_VARIABLES, SETTING_NAMES } from '../shared/config/settings.ts'

const FORM = z.looseObject({
  services: z.record(
    z.string(),
    z.looseObject({
      command: z.array(z.string()).optional(),
      environment: z.record(z.string(), z.union([z.string(), z.number()])).default({}),
      healthcheck: z.looseObject({ test: z.array(z.string()) }).optional(),
      depends_on: z.record(z.string(), z.looseObject({ condition: z.string() })).default({}),
    }),
  ),
})

const text = readFileSync(new URL('../docker-compose.yml', import.meta.url), 'utf8')
const compose = FORM.parse(parse(text, { merge: true }))
const ours = Object.entries(compose.services).filter(([, service]) => service.command !== undefined)

test('docker-compose.yml names only settings that exist', (t) => {
  const known = [...SETTING_NAMES, ...Object.keys(CLIENT_VARIABLES)].map((name) => `LEDGER_${name}`)
  const named = ours.flatMap(([, { environment }]) => Object.keys(environment))
  t.true(named.length > 0)
  t.deepEqual(
    named.filter((name) => !known.includes(name)),
    [],
  )
})

test('the settings of every service in docker-compose.yml load', (t) => {
  const given = {
    POSTGRES_PASSWORD: 'x',
    LEDGER_SECRETS_SYSTEM: `1:${Buffer.from(Array.from({ length: 32 }, (_, i) => (i * 89 + 7) % 251)).toString('base64')}`,
  }
  for (const [name, { environment }] of ours) {
    const filled = Object.fromEntries(
      Object.entries(environment).map(([key, value]) => [key, interpolate(String(value), given)]),
    )
    t.notThrows(() => loadSettings(filled), name)
  }
})

test('docker-compose.yml runs every service once, after the migration, with a health check', (t) => {
  const served = ours.filter(([, { command }]) => command?.[0] === 'serve')
  t.deepEqual(served.flatMap(([, { command }]) => command?.slice(1) ?? []).sort(), [...SERVICES].sort())
  for (const [name, service] of served) {
    t.is(service.depends_on['migrate']?.condition, 'service_completed_successfully', name)
    t.truthy(service.healthcheck, name)
  }
})

test('Kafka and PostgreSQL in docker-compose.yml have health checks that the migration waits for', (t) => {
  for (const part of ['kafka', 'postgres']) {
    t.truthy(compose.services[part]?.healthcheck, part)
    t.is(compose.services['migrate']?.depends_on[part]?.condition, 'service_healthy', part)
  }
})

test('starting docker-compose.yml again takes the same key: it is made once, into .env', (t) => {
  const lines = text.split('\n')
  const made = lines.filter((line) => line.includes('openssl rand'))
  t.true(made.length === 1 && made.every((line) => line.includes('> .env')))
  t.true(lines.includes('#   docker compose up'))
})

/** What compose makes of `${NAME:-default}` and `${NAME:?message}`. */
function interpolate(text: string, given: Record<string, string>): string {
  return text.replace(
    /\$\{(\w+)(?::([-?])((?:[^${}]|\$\([^)]*\))*))?\}/g,
    (_, name: string, kind: string | undefined, rest: string | undefined) =>
      given[name] ?? (kind === '-' ? (rest ?? '') : ''),
  )
}
