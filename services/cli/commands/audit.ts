import type { Command } from 'commander'
import { ownCommand } from '../../../shared/config/own-command.ts'
import type { Audit } from '../../audit/audit.ts'
import type { Personal, ShownEntry } from '../../audit/people/shown-entry.ts'
import type { ReplayFilter } from '../../audit/replay/replay.ts'
import { dataText, type Format } from '../render/formats.ts'
import { EXIT_CODES, formatOption, lookOf, print, WHERE, wideOption, work } from './verb.ts'

/** `token-ledger audit replay | show | verify` */
export function addAuditCommands(program: Command): void {
  const audit = program
    .command('audit')
    .description('what happened, read from the log itself, and is the read model what it says')
  audit.addHelpText('after', `\n${WHERE}\n\n${EXIT_CODES}`)
  addReplay(audit)
  addShow(audit)
  addVerify(audit, 'verify')
}

type FilterOptions = { grant?: string; client?: string; user?: string; type?: string[] }
type ReplayOptions = FilterOptions & { format: Format; wide: boolean; personal: boolean }

function addReplay(audit: Command): void {
  audit
    .command('replay')
    .description(
      'print every event in the order of time, with its verdict: valid, or void (it changed nothing) and why',
    )
    .option('--grant <grant_id>', 'only this grant')
    .option('--client <client_id>', 'only what concerns this client')
    .option('--user <sub>', 'only what concerns this user')
    .option('--type <types...>', 'only these event types')
    .option('--no-personal', NO_PERSONAL)
    .addOption(formatOption())
    .addOption(wideOption())
    .addHelpText('after', REPLAY_EXAMPLES)
    .action(async (options: ReplayOptions, command: Command) => {
      const filter = await filterOf(options, command)
      const { connectAudit } = await import('../connect/audit.ts')
      await work(command, connectAudit, (source) => replay(source, filter, options))
    })
}

const NO_PERSONAL = "leave people out: show each sub, and nobody's name"

const REPLAY_EXAMPLES = `
Examples:
  ${ownCommand()} audit replay --grant 0190b4a1-7c3e-7d4f-9a51-6f2f0c9b1e77
  ${ownCommand()} audit replay --user ada --type TokenIssued TokenRevoked
  ${ownCommand()} audit replay --format jsonl | grep '"verdict":"void"'

${EXIT_CODES}`

const OPTION_OF: Record<string, string> = { grant_id: '--grant', client_id: '--client', sub: '--user', type: '--type' }

async function filterOf({ grant, client, user, type }: FilterOptions, command: Command): Promise<ReplayFilter> {
  const { isEventType, parseReplayQuery } = await import('../../audit/replay/replay-query.ts')
  const given = { grant_id: grant, client_id: client, sub: user, type: type?.join(',') }
  const parsed = parseReplayQuery(given)
  if (!parsed.problem) return parsed.filter
  const { name, message } = parsed.problem
  const unknown = type?.find((one) => !isEventType(one))
  if (name === 'type' && unknown !== undefined) command.error(`error: ${await unknownType(unknown)}`)
  command.error(`error: ${OPTION_OF[name] ?? name} ${message}`)
}

async function unknownType(name: string): Promise<string> {
  const { EVENT_TYPES } = await import('../../audit/replay/replay-query.ts')
  const { nearest } = await import('../../../shared/config/unknown-names.ts')
  const meant = nearest(name, EVENT_TYPES)
  const hint = meant === null ? '.' : `; did you mean ${meant}?`
  return `--type ${name} is not an event type${hint} There are ${EVENT_TYPES.join(', ')}`
}

async function replay(source: Audit, filter: ReplayFilter, options: ReplayOptions): Promise<boolean> {
  const { renderEntries } = await import('../render/entries.ts')
  const { createProgress } = await import('../render/progress.ts')
  await giveWay()
  // On a terminal the table itself shows that something moves.
  const progress = process.stdout.isTTY ? null : createProgress(process.stderr)
  const seen: Seen = { count: 0, unreadable: [] }
  const asked = { ...filter, personal: options.personal }
  const telling = { progress: progress?.update, personal: tellLeftOut }
  const entries = counted(source.replay(asked, telling), seen)
  await print(renderEntries(entries, options.format, lookOf(options))).finally(() => progress?.stop())
  if (seen.count === 0) process.stderr.write('nothing in the log matches\n')
  const { unreadable } = seen
  if (unreadable.length > 0) {
    const { renderSkipCommands } = await import('../render/skip-command.ts')
    const count = `${unreadable.length} partitions end in a record that cannot be read`
    process.stderr.write(`${count}\n${renderSkipCommands(unreadable)}`)
  }
  return unreadable.length === 0
}

/** Why people are left out whom nobody asked to leave out. */
function tellLeftOut(how: Personal): void {
  if (how === 'not_allowed') process.stderr.write('people are left out: that needs the right ledger.audit:personal\n')
  if (how === 'no_key')
    process.stderr.write('people are left out: set LEDGER_SECRETS_PROJECT, or LEDGER_SECRETS_SYSTEM, to open names\n')
}

type Seen = { count: number; unreadable: (ShownEntry['position'] & { sha256: string })[] }

async function* counted(entries: AsyncIterable<ShownEntry>, seen: Seen): AsyncGenerator<ShownEntry> {
  for await (const entry of entries) {
    seen.count++
    const { position, verdict, sha256 } = entry
    if (verdict === 'unreadable' && sha256 !== null) seen.unreadable.push({ ...position, sha256 })
    yield entry
  }
}

function addShow(audit: Command): void {
  audit
    .command('show')
    .description('tell the life of one grant: whose it is, what happened to it and why, and what of it can be used now')
    .requiredOption('--grant <grant_id>', 'the grant')
    .option('--no-personal', NO_PERSONAL)
    .addOption(formatOption())
    .addHelpText('after', `\n${SHOW_HELP}`)
    .action(async (options: ShowOptions, command: Command) => {
      const { connectAudit } = await import('../connect/audit.ts')
      const { grant_id = options.grant } = await filterOf({ grant: options.grant }, command)
      await work(command, connectAudit, (source) => show(source, grant_id, options))
    })
}

const SHOW_HELP = `Example:
  ${ownCommand()} audit show --grant 0190b4a1-7c3e-7d4f-9a51-6f2f0c9b1e77

${EXIT_CODES}`

type ShowOptions = { grant: string; format: Format; personal: boolean }

async function show(source: Audit, grant_id: string, { format, personal }: ShowOptions): Promise<boolean> {
  const { renderLife } = await import('../render/life.ts')
  const life = await source.life(grant_id, { personal })
  if (life) tellLeftOut(life.personal)
  if (!life) process.stderr.write(`the log knows no grant ${grant_id}\n`)
  else if (format === 'table') await print(renderLife(life))
  else await print(dataText(life, format))
  return life !== null
}

/** What reads the whole log leaves the processor to those who serve. */
async function giveWay(): Promise<void> {
  const audit = await import('../../audit/worker/give-way.ts')
  await audit.giveWay()
}

/** Adds the verb that compares the live read model with the log, under the name it has here. */
export function addVerify(group: Command, name: string): void {
  group
    .command(name)
    .description('compute the read model from the whole log, and compare it and its hash chain with the live one')
    .addOption(formatOption())
    .addHelpText(
      'after',
      `\nIt may run while the services run.\n\nExample:\n  ${ownCommand()} ${group.name()} ${name}\n\n${EXIT_CODES}`,
    )
    .action(async ({ format }: { format: Format }, command: Command) => {
      const { connectAudit } = await import('../connect/audit.ts')
      const { createProgress } = await import('../render/progress.ts')
      const { renderVerify } = await import('../render/projection.ts')
      await work(command, connectAudit, async (source) => {
        const progress = createProgress(process.stderr)
        await giveWay()
        const report = await source.verify(progress.update).finally(progress.stop)
        await print(renderVerify(report, format))
        return report.equal
      })
    })
}
