import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import { SERVICES } from '../../services/cli/compose/service-names.ts'
import { secretsFor } from '../../services/cli/compose/services.ts'
import { loadSettings } from '../../shared/config/load-settings.ts'
import { isSecret, SETTING_NAMES } from '../../shared/config/settings.ts'
import { deriveKeys, formatCheckSecrets, formatProjectSecrets, parseSecrets } from '../../shared/tokens/keys.ts'
import { all, compose, interpolate, ours, ROOT, type Service } from './compose-file.ts'

/** Secrets as compose/init.sh writes them, by their names. */
async function initialised(t: ExecutionContext): Promise<{ file: string; values: Record<string, string> }> {
  const folder = await mkdtemp(join(tmpdir(), 'compose-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const file = join(folder, '.env')
  await init(file)
  const lines = (await readFile(file, 'utf8')).matchAll(/^(\w+)='([^'$]+)'$/gm)
  return { file, values: Object.fromEntries([...lines].map(([, name = '', value = '']) => [name, value])) }
}

const init = (file: string) => promisify(execFile)(new URL('compose/init.sh', ROOT).pathname, [file])

test('init.sh writes each secret that docker-compose.yml asks for, for this user only, and never over a file', async (t) => {
  const { file, values } = await initialised(t)
  const asked = Object.values(compose.secrets).map(({ environment }) => environment)
  t.deepEqual(Object.keys(values).sort(), asked.sort())
  t.is((await stat(file)).mode & 0o777, 0o600)
  const [, required = '', told] = /^\$\{(\w+):\?(.+)\}$/.exec(compose['x-secrets']) ?? []
  t.regex(await readFile(file, 'utf8'), new RegExp(`^${required}=\\w+$`, 'm'), 'without it compose starts nothing')
  t.regex(told ?? '', /compose\/init\.sh/)
  const before = await readFile(file, 'utf8')
  await t.throwsAsync(init(file), { message: /exists/ })
  t.is(await readFile(file, 'utf8'), before)
  const other = await initialised(t)
  for (const [name, value] of Object.entries(values)) t.not(other.values[name], value)
})

test('the settings of every service in docker-compose.yml load, with the secrets that it has and no other', async (t) => {
  const { file, values } = await initialised(t)
  const system = values['LEDGER_SECRETS_SYSTEM'] ?? ''
  const check = `${file}.check`
  await writeFile(check, formatCheckSecrets(deriveKeys(parseSecrets(system), 'a-ledger')))
  const project = `${file}.project`
  await writeFile(project, formatProjectSecrets(deriveKeys(parseSecrets(system), 'a-ledger')))
  for (const [name, service] of ours) {
    const need =
      service.command?.[0] === 'serve' ? secretsFor(SERVICES.filter((one) => service.command?.includes(one))) : 'system'
    const env = await settingsOf(service, values, { check, project, folder: file })
    t.notThrows(() => loadSettings(env, need), name)
    t.false(loadSettings(env, need).dev, name)
  }
})

/** The environment of a service, with files where its secrets are mounted. */
async function settingsOf(
  { environment, secrets, volumes }: Service,
  values: Record<string, string>,
  { check, project, folder }: { check: string; project: string; folder: string },
): Promise<Record<string, string>> {
  const entries = Object.entries(environment).map(async ([name, value]): Promise<[string, string]> => {
    const text = interpolate(String(value))
    if (text === '/data/project.secret') return [name, volumes.includes('project-keys:/data:ro') ? project : text]
    if (text === '/data/check.secret') return [name, volumes.includes('check-keys:/data:ro') ? check : text]
    const secret = /^\/run\/secrets\/(.+)$/.exec(text)?.[1]
    if (secret === undefined || !secrets.includes(secret)) return [name, text]
    const path = `${folder}.${secret}`
    await writeFile(path, values[compose.secrets[secret]?.environment ?? ''] ?? '')
    return [name, path]
  })
  return Object.fromEntries(await Promise.all(entries))
}

test('no secret stands in a variable, and each service has those alone that it needs', (t) => {
  const secretNames = [...SETTING_NAMES.filter(isSecret).map((name) => `LEDGER_${name}`), 'POSTGRES_PASSWORD']
  for (const [name, { environment }] of all)
    t.deepEqual(
      Object.keys(environment).filter((setting) => secretNames.includes(setting)),
      [],
      name,
    )
  const given = Object.fromEntries(all.map(([name, { secrets }]) => [name, secrets.join(' ')]))
  t.deepEqual(given, {
    postgres: 'database-password',
    kafka: '',
    migrate: 'database-password system-key bootstrap-secret',
    'check-keys': 'database-password system-key',
    'project-keys': 'database-password system-key',
    'token-endpoint': 'database-password system-key',
    authorize: 'database-password system-key',
    'token-check': 'database-password',
    projector: 'database-password',
    admin: 'database-password system-key',
    proxy: '',
  })
  for (const [keys, user] of [
    ['check-keys', 'token-check'],
    ['project-keys', 'projector'],
  ] as const) {
    const having = all.filter(([, { volumes }]) => volumes.some((volume) => volume.startsWith(`${keys}:`)))
    t.deepEqual(
      having.map(([name]) => name),
      [keys, user],
    )
  }
})
