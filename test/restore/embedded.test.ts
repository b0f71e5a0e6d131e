import { cp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { loadSettings } from '../../shared/config/load-settings.ts'
import { openParts } from '../../shared/process/open-parts.ts'
import { ROOT } from '../admin/ledger.ts'
import { everythingIn } from '../admin/people/everything.ts'
import { ADA, forget, NAMES, putNew, seedNames, SUB } from '../admin/people/person.ts'
import { commandLine } from '../support/command-line.ts'
import { type Env, startProcess } from '../support/ledger-process.ts'
import { keptLogger } from '../support/kept-logs.ts'
import { createRequests } from '../support/requests.ts'
import { devSettings } from '../support/tour-lines.ts'
import { until } from '../support/waiting.ts'
import { emptyFolder } from './guide.ts'

type Sent = { token?: string | undefined; body?: unknown; headers?: Record<string, string> }

/** The whole ledger in one process, and what its administrator asks of it. */
async function start(t: ExecutionContext, env: Env) {
  const { url, adminUrl, kill } = await startProcess(t, { services: ['all'], env })
  const requests = createRequests(url)
  await until(async () => (await requests.send('/health/ready')).status === 200, 'readiness')
  const asked = { grant_type: 'client_credentials' }
  const { body } = await requests.post('/oauth2/token', asked, { as: { ...ROOT, method: 'basic' } })
  const root = String(body['access_token'])
  const send = (method: string, path: string, { token, body, headers }: Sent = {}) =>
    createRequests(adminUrl).send(path, {
      method,
      headers: { authorization: `Bearer ${token ?? ''}`, 'content-type': 'application/json', ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
  const as = {
    ...{ LEDGER_URL: url, LEDGER_ADMIN_URL: adminUrl },
    ...{ LEDGER_CLIENT_ID: ROOT.client_id, LEDGER_CLIENT_SECRET: ROOT.client_secret },
  }
  const shown = () => send('GET', `/admin/users/${SUB}`, { token: root })
  return { root, send, shown, as, stop: () => kill('SIGTERM') }
}

test('traps-running 19: an embedded folder that was copied before a person was forgotten is put back, and the list forgets again', async (t) => {
  seedNames()
  const bootstrap = { LEDGER_BOOTSTRAP_CLIENT_ID: ROOT.client_id, LEDGER_BOOTSTRAP_CLIENT_SECRET: ROOT.client_secret }
  const env: Env = { ...(await devSettings(t)), ...bootstrap }
  const [folder, backup] = [env['LEDGER_DATA_DIR'] ?? '', await emptyFolder(t)]
  const first = await start(t, env)
  t.is((await putNew(first)).status, 201)
  await first.stop()
  await cp(folder, join(backup, 'ledger'), { recursive: true })

  const second = await start(t, env)
  t.is((await forget(second)).status, 200)
  await second.stop()
  const list = await commandLine(env, 'users', 'forgotten')
  t.is(list.out, `${SUB}\n`, list.err)
  await writeFile(join(backup, 'forgotten.txt'), list.out)

  await rm(folder, { recursive: true })
  await cp(join(backup, 'ledger'), folder, { recursive: true })
  const restored = await start(t, env)
  t.like((await restored.shown()).body, ADA, 'nothing in the folder says who was forgotten since')
  const args = ['users', 'forget', '--from', join(backup, 'forgotten.txt'), '--reason', 'restored a backup']
  const { code, out, err } = await commandLine(restored.as, ...args)
  t.deepEqual([code, out], [0, '1 forgotten, 0 unknown\n'], err)
  t.is((await restored.shown()).status, 404)
  t.is((await putNew(restored)).status, 409)
  await restored.stop()
  const parts = await openParts(loadSettings(env), keptLogger('embedded'))
  t.teardown(() => parts.close())
  t.notRegex(await everythingIn(parts.knex), NAMES)
})
