import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readActingGrants } from '../../shared/read-model/reads/acting-grants.ts'
import { ADMINISTRATORS } from '../../shared/ledger/registry/predefined.ts'
import { formatToken } from '../../shared/tokens/token-string.ts'
import { type Scaled, startService } from './ledger.ts'

/** Milliseconds, unless the name says otherwise. */
export type Figures = { [name: string]: number }

const ROOT = new URL('../..', import.meta.url).pathname
const SERVICES = ['token-endpoint', 'authorize', 'token-check', 'projector', 'admin', 'audit']
const ROUNDS = 20

/** What each start, probe and question takes of a ledger as it is now: the best of three, of requests the median. */
export async function measure(ledger: Scaled): Promise<Figures> {
  const figures: Figures = { 'the command line alone': await command(ledger, 0, '--version') }
  for (const service of SERVICES) Object.assign(figures, await ofService(ledger, service))
  figures['keys status'] = await command(ledger, 0, 'keys', 'status')
  figures['keys retire, refused'] = await command(ledger, 1, 'keys', 'retire', '--kid', '1')
  figures['projection status'] = await command(ledger, 0, 'projection', 'status')
  figures['migrate'] = await command(ledger, 0, 'migrate')
  figures['who can act as administrator'] = await median(() => acting(ledger))
  return figures
}

async function ofService(ledger: Scaled, service: string): Promise<Figures> {
  const figures: Figures = {}
  const ms = await best(async () => {
    await ledger.settled()
    const started = await startService(service, ledger.env)
    if (service === 'token-endpoint') figures['one refresh'] = await median(() => refresh(ledger, started.url))
    if (service === 'token-endpoint') figures['ready probe'] = await median(() => probe(started.url))
    if (service === 'token-check') figures['one introspection'] = await median(() => introspect(ledger, started.url))
    await started.stop()
    return started.ms
  })
  return { [`${service}: start until ready`]: ms, ...figures }
}

async function command({ env }: Scaled, expected: number, ...args: string[]): Promise<number> {
  return best(async () => {
    const began = performance.now()
    const child = spawn(process.execPath, [`${ROOT}dist/services/cli/main.js`, ...args], {
      env: { ...process.env, ...env },
      stdio: 'ignore',
    })
    const [code] = (await once(child, 'exit')) as [number]
    if (code !== expected) throw new Error(`${args.join(' ')} ended with ${code}`)
    return performance.now() - began
  })
}

async function best(work: () => Promise<number>): Promise<number> {
  return Math.round(Math.min(await work(), await work(), await work()))
}

async function refresh({ keys, shop, unused }: Scaled, url: string): Promise<void> {
  const refresh_token = formatToken(keys, 'rt', { kid: 1, grant_id: unused(), generation: 1 })
  await post(`${url}/oauth2/token`, shop, { grant_type: 'refresh_token', refresh_token })
}

async function introspect({ keys, api, unused }: Scaled, url: string): Promise<void> {
  await post(`${url}/oauth2/introspect`, api, {
    token: formatToken(keys, 'at', { kid: 1, grant_id: unused(), generation: 1 }),
  })
}

async function post(url: string, authorization: string, body: Record<string, string>): Promise<void> {
  const answer = await fetch(url, { method: 'POST', headers: { authorization }, body: new URLSearchParams(body) })
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${await answer.text()}`)
  await answer.text()
}

async function probe(url: string): Promise<void> {
  await (await fetch(`${url}/health/ready`)).text()
}

async function acting({ runtime }: Scaled): Promise<void> {
  const { grants } = await readActingGrants(runtime, { groups: [ADMINISTRATORS], scopes: ['read'], kids: [1, 2] })
  if (grants.length === 0) throw new Error('there is an administrator')
}

async function median(work: () => Promise<void>): Promise<number> {
  const times: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const began = performance.now()
    await work()
    times.push(performance.now() - began)
  }
  times.sort((a, b) => a - b)
  return Math.round((times[ROUNDS / 2] ?? 0) * 10) / 10
}
