import type { Command } from 'commander'
import type { VerifySource } from '../../../shared/read-model/read-model.ts'
import type { Format } from '../render/formats.ts'
import { addVerify } from './audit.ts'
import { EXIT_CODES, formatOption, lookOf, print, WHERE, wideOption, work } from './verb.ts'

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
    .addOption(wideOption())
    .addHelpText('after', `\nExample:\n  token-ledger projection status --format jsonl\n\n${EXIT_CODES}`)
    .action(async ({ format, wide }: { format: Format; wide: boolean }, command: Command) => {
      const { connectAudit } = await import('../connect/audit.ts')
      const { renderStatus } = await import('../render/projection.ts')
      await work(command, connectAudit, async (source) => {
        const status = await source.status()
        await print(renderStatus(status, format, lookOf({ wide })))
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
      const { connectParts } = await import('../connect/audit.ts')
      await work(command, connectParts, (source) => rebuildAndVerify(source, force, format))
    })
}

async function rebuildAndVerify(source: VerifySource, force: boolean, format: Format): Promise<boolean> {
  const { rebuild } = await import('../../../shared/read-model/projection/rebuild.ts')
  const { verify } = await import('../../audit/verify/verify.ts')
  const { createProgress } = await import('../render/progress.ts')
  const { renderVerify } = await import('../render/projection.ts')
  const folding = createProgress(process.stderr)
  await rebuild(source, { force }, folding.update).finally(folding.stop)
  const verifying = createProgress(process.stderr)
  const report = await verify(source, verifying.update).finally(verifying.stop)
  await print(renderVerify(report, format))
  return report.equal
}
