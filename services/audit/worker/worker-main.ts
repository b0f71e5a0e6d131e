import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import type { Knex } from 'knex'
import pino from 'pino'
import type { Settings } from '../../../shared/config/settings.ts'
import { knownError } from '../../../shared/process/known-errors.ts'
import { openParts } from '../../../shared/process/open-parts.ts'
import { peopleOf } from '../../../shared/process/soundness/held-people.ts'
import { parseProjectSecrets } from '../../../shared/tokens/keys.ts'
import { createAudit, type OwnAudit } from '../audit.ts'
import type { ShownEntry } from '../people/shown-entry.ts'
import { giveWay } from './give-way.ts'
import { ALIVE_MS, type Order, type Question, type Said } from './messages.ts'

/** Long enough for one reader's batch, short enough to seem at once. */
const FLUSH_MS = 200
const FLUSH_LENGTH = 65_536
const CLOSE_MS = 1_000
const CONNECT_TRIES = 4
const CONNECT_AGAIN_MS = 200
/** Seconds. */
const PATIENCE = 30

process.once('message', (order: Order) => void work(order))
process.once('disconnect', () => process.exit(1))

/** Answers one question, tells how it ended, and ends. */
async function work(order: Order): Promise<void> {
  const said = await answer(order).catch(failure)
  process.removeAllListeners('disconnect')
  process.send?.(said, () => process.exit(0))
}

async function answer({ settings, schema, projectSecrets, question }: Order): Promise<Said> {
  const parts = await openParts(patient(settings), pino({ level: 'silent' }))
  try {
    // Connected while it is as quick as any other.
    await connect(parts.knex)
    const keys = projectSecrets == null ? {} : { SECRETS_PROJECT: parseProjectSecrets(projectSecrets) }
    const people = await peopleOf(parts.knex, { ...settings, ...keys })
    const audit = createAudit({ ...parts, schema, people, maxLagMs: 0, configured: null })
    await giveWay()
    return await answerOf(audit, question)
  } finally {
    await Promise.race([parts.close(), pause(CLOSE_MS)])
  }
}

/** A machine that is busy may keep a new process waiting: that is no outage yet. */
async function connect(knex: Knex): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return void (await knex.raw('SELECT 1'))
    } catch (error) {
      if (tries === CONNECT_TRIES) throw error
      await pause(CONNECT_AGAIN_MS)
    }
  }
}

/** Nobody waits for one of its statements, and it may wait for the processor. */
function patient(settings: Settings): Settings {
  return { ...settings, DATABASE_POOL: 2, APPEND_TIMEOUT: Math.max(settings.APPEND_TIMEOUT, PATIENCE) }
}

async function answerOf(audit: OwnAudit, question: Question): Promise<Said> {
  const alive = nowAndThen(() => process.send?.({ kind: 'alive' } satisfies Said))
  alive()
  if (question.kind === 'verify') return { kind: 'done', report: await audit.verify(alive) }
  const isExport = question.kind === 'export'
  await printed(isExport ? audit.export(question.sub, alive) : lines(audit.replay(question.asked, { progress: alive })))
  return { kind: 'done', report: null }
}

async function* lines(entries: AsyncIterable<ShownEntry>): AsyncGenerator<string> {
  for await (const entry of entries) yield `${JSON.stringify(entry)}\n`
}

async function printed(pieces: AsyncIterable<string>): Promise<void> {
  let text = ''
  const flush = () => {
    const isTaken = text === '' || process.stdout.write(text)
    text = ''
    return isTaken
  }
  const timer = setInterval(flush, FLUSH_MS)
  for await (const piece of pieces) {
    text += piece
    if (text.length > FLUSH_LENGTH && !flush()) await once(process.stdout, 'drain')
  }
  clearInterval(timer)
  await new Promise<void>((resolve) => void process.stdout.write(text, () => resolve()))
}

function nowAndThen(tell: () => unknown): () => void {
  let next = 0
  return () => {
    if (performance.now() < next) return
    next = performance.now() + ALIVE_MS
    tell()
  }
}

function failure(error: unknown): Said {
  const known = knownError(error)
  if (known?.error === 'temporarily_unavailable')
    return { kind: 'unavailable', reason: known.reason ?? known.message, alarm: known.alarm }
  return { kind: 'bug', stack: error instanceof Error ? (error.stack ?? error.message) : String(error) }
}
