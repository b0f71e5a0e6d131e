import type { Command } from 'commander'
import { rebuild } from '../../../shared/read-model/projection/rebuild.ts'
import type { VerifySource } from '../../../shared/read-model/read-model.ts'
import { verify } from '../../audit/verify/verify.ts'
import { connectAudit, connectParts } from '../connect/audit.ts'
import { createProgress } from '../render/progress.ts'
import { renderStatus, renderVerify } from '../render/projection.ts'
import type { Format } from '../render/table.ts'
import { addVerify } from './audit.ts'
import { EXIT_CODES, formatOption, print, wantsColour, WHERE, work } from './verb.ts'

/** `token-ledger projection status | verify | rebuild` */
export function addProjectionCommands(program: Command): void {
  const projection = program
    .command('projection')
    .description('the read model: how far it is, whether it is right, and anew')
  projection.addHelpText('after', `\n${WHERE}\n\n${EXIT_CODES}`)
  addStatus(projection)
  addVerify(projection, 'verify')
  addRebuild(projection)
}

function addStatus(projection: Command): void {
  projection
    .command('status')
    .description('how far each partition is projected, how fresh it is, and what is wrong with it')
    .addOption(formatOption())
    .addHelpText('after', `\nExample:\n  token-ledger projection status --format jsonl\n\n${EXIT_CODES}`)
    .action(async ({ format }: { format: Format }, command: Command) => {
      await work(command, connectAudit, async (source) => {
        const status = await source.status()
        await print(renderStatus(status, format, wantsColour()))
        return status.healthy
      })
    })
}

function addRebuild(projection: Command): void {
  projection
    .command('rebuild')
    .description('throw the read model away, fold the whole log anew, and verify; stop every projector first')
    .option('--force', 'also when a projector seems to run, or ran within the last 10 s', false)
    .addOption(formatOption())
    .addHelpText(
      'after',
      `\nThe services answer 503 until it is done and a projector runs again.\n\nExample:\n  token-ledger projection rebuild\n\n${EXIT_CODES}`,
    )
    .action(async ({ force, format }: { force: boolean; format: Format }, command: Command) => {
      await work(command, connectParts, (source) => rebuildAndVerify(source, force, format))
    })
}

async function rebuildAndVerify(source: VerifySource, force: boolean, format: Format): Promise<boolean> {
  const folding = createProgress(process.stderr)
  await rebuild(source, { force }, folding.update).finally(folding.stop)
  const verifying = createProgress(process.stderr)
  const report = await verify(source, verifying.update).finally(verifying.stop)
  await print(renderVerify(report, format))
  return report.equal
}
