import type { Command } from 'commander'
import { ownCommand } from '../../../../shared/config/own-command.ts'
import type { Format } from '../../render/formats.ts'
import type { Wanted } from '../../connect/skip-record.ts'
import { addVerify } from '../audit.ts'
import { addReadModelVerbs } from './read-models.ts'
import { addSweep } from './sweep.ts'
import { EXIT_CODES, formatOption, lookOf, print, reasonFrom, WHERE, wideOption, work } from '../verb.ts'

/** `token-ledger projection status | verify | list | rebuild | switch | drop | skip | sweep` */
export function addProjectionCommands(program: Command): void {
  const projection = program
    .command('projection')
    .description('the read model: how far it is, is it what the log says, and fill it again')
  projection.addHelpText('after', `\n${WHERE}\n\n${EXIT_CODES}`)
  addStatus(projection)
  addVerify(projection, 'verify')
  addReadModelVerbs(projection)
  addSkip(projection)
  addSweep(projection)
}

function addStatus(projection: Command): void {
  projection
    .command('status')
    .description('how far each partition is projected, how fresh it is, and what is wrong with it')
    .addOption(formatOption())
    .addOption(wideOption())
    .addHelpText('after', `\nExample:\n  ${ownCommand()} projection status --format jsonl\n\n${EXIT_CODES}`)
    .action(async ({ format, wide }: { format: Format; wide: boolean }, command: Command) => {
      const { connectAudit } = await import('../../connect/audit.ts')
      const { renderStatus } = await import('../../render/projection.ts')
      await work(command, connectAudit, async (source) => {
        const status = await source.status()
        await print(renderStatus(status, format, lookOf({ wide })))
        return status.healthy
      })
    })
}

type SkipOptions = { topic: string; partition: string; offset: string; sha256: string; reason: string }

function addSkip(projection: Command): void {
  projection
    .command('skip')
    .description('go on without one record that cannot be read, for ever; on the host only, and written into the log')
    .requiredOption('--topic <topic>', 'the topic of the record')
    .requiredOption('--partition <number>', 'its partition')
    .requiredOption('--offset <number>', 'its offset')
    .requiredOption('--sha256 <hex>', 'its hash, as "projection status" tells it')
    .requiredOption('--reason <text>', 'why: it is written into the log, for auditors')
    .addHelpText('after', SKIP_HELP)
    .action(async (options: SkipOptions, command: Command) => {
      const wanted = wantedOf(options, command)
      const { connectParts } = await import('../../connect/audit.ts')
      const { skipRecord } = await import('../../connect/skip-record.ts')
      await work(command, connectParts, async (source) => {
        const { topic, partition, offset } = await skipRecord(source, wanted)
        await print(`skipped: written to ${topic}/${partition} at offset ${offset}; projectors go on within seconds\n`)
        return true
      })
    })
}

const SKIP_HELP = `
"projection status" prints this command for a partition that is stopped, ready but for the reason. First make sure that no
newer release can read the record, because what it says is lost for good. The command appends to the log by itself, as
system/operator, and asks no service; in dev mode stop "serve" first. Projectors that run go on without a restart.

Example:
  ${ownCommand()} projection status

Exit codes: 0 it is skipped now, 1 it is another record, is skipped already or can be read, 2 wrong usage, or there is no such
partition or record, 3 a part cannot be reached.`

function wantedOf({ topic, sha256, ...options }: SkipOptions, command: Command): Wanted {
  const [partition, offset] = [options.partition, options.offset].map((text) =>
    /^\d{1,15}$/.test(text) ? Number(text) : -1,
  )
  if (partition === undefined || partition < 0) command.error('error: --partition must be a whole number')
  if (offset === undefined || offset < 0) command.error('error: --offset must be a whole number')
  if (!/^[0-9a-f]{64}$/i.test(sha256)) command.error('error: --sha256 must be 64 hexadecimal digits')
  const reason = reasonFrom(command, options.reason)
  return { topic, partition, offset, sha256: sha256.toLowerCase(), reason }
}
