import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import test, { type ExecutionContext } from 'ava'
import { arrival } from '../support/waiting.ts'

const TAKER = join(import.meta.dirname, 'folder-taker.ts')
const ROUNDS = 25

type Taker = { pid: number; order: (line: string) => Promise<string>; next: () => Promise<string>; kill: () => void }

/** A process that takes folders when it is told to. */
async function startTaker(t: ExecutionContext): Promise<Taker> {
  const child = spawn(process.execPath, ['--import', 'tsx', TAKER], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async () => String((await arrival(lines.next(), 'a line of the taker')).value)
  t.is(await next(), 'ready')
  const order = (line: string) => {
    child.stdin.write(`${line}\n`)
    return next()
  }
  return { pid: child.pid ?? 0, order, next, kill: () => void child.kill('SIGKILL') }
}

async function newFolder(t: ExecutionContext): Promise<string> {
  const parent = await mkdtemp(join(tmpdir(), 'ledger-lock-'))
  t.teardown(() => rm(parent, { recursive: true, force: true }))
  return join(parent, 'data')
}

test('of processes that find a dead lock at the same moment, exactly one gets the folder', async (t) => {
  const folder = await newFolder(t)
  const takers = await Promise.all([1, 2, 3, 4].map(() => startTaker(t)))
  for (let round = 0; round < ROUNDS; round++) {
    await mkdir(join(folder, 'lock'), { recursive: true })
    await writeFile(join(folder, 'lock', `999999999-${round}.dead`), '')
    const answers = await Promise.all(takers.map(({ order }) => order(`take ${folder}`)))
    t.is(answers.filter((answer) => answer === 'mine').length, 1, answers.join(', '))
    const [winner] = takers.filter((_, at) => answers[at] === 'mine')
    t.is(answers.filter((answer) => answer === `held by ${winner?.pid}`).length, 3, answers.join(', '))
    await Promise.all(takers.map(({ order }) => order('release')))
  }
  t.deepEqual(await readdir(folder), ['lock'], 'nobody leaves a draft behind')
})

test('who lost his folder is told, and does not release the lock of who began it anew', async (t) => {
  const folder = await newFolder(t)
  const [first, second, third] = await Promise.all([startTaker(t), startTaker(t), startTaker(t)])
  t.is(await first.order(`take ${folder}`), 'mine')
  await rm(folder, { recursive: true })
  t.is(await second.order(`take ${folder}`), 'mine')
  t.is(await first.next(), 'lost')
  t.is(await first.order('release'), 'released')
  t.is(await third.order(`take ${folder}`), `held by ${second.pid}`)
  second.kill()
  for (let answer = ''; answer !== 'mine'; answer = await third.order(`take ${folder}`)) t.not(answer, 'lost')
})

test('the lock of another process that used the same number, and one without an owner, do not count', async (t) => {
  const folder = await newFolder(t)
  const taker = await startTaker(t)
  await mkdir(join(folder, 'lock'), { recursive: true })
  t.is(await taker.order(`take ${folder}`), 'mine')
  await taker.order('release')
  await writeFile(join(folder, 'lock', `${process.pid}-1.earlier`), '')
  t.is(await taker.order(`take ${folder}`), 'mine')
})
