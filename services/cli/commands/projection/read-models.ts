import { setTimeout as pause } from 'node:timers/promises'
import type { Command } from 'commander'
import { ownCommand } from '../../../../shared/config/own-command.ts'
import { behind, processText } from '../../../../shared/read-model/versions/processes.ts'
import type { ReadModels, Switched } from '../../../admin/projection/read-models.ts'
import { dataText, type Format } from '../../render/formats.ts'
import { EXIT_CODES, formatOption, lookOf, print, wideOption, work } from '../verb.ts'

/** `token-ledger projection list | rebuild | switch | drop` */
export function addReadModelVerbs(projection: Command): void {
  addList(projection)
  addRebuild(projection)
  addSwitch(projection)
  addDrop(projection)
}

const ON_HOST = `
Runs on the host with the settings of "migrate"; in dev mode it asks the service that runs here, if one does.`

async function readModels(command: Command, body: (source: ReadModels) => Promise<boolean>): Promise<void> {
  const { connectReadModels } = await import('../../connect/read-models.ts')
  await work(command, connectReadModels, body)
}

function addList(projection: Command): void {
  projection
    .command('list')
    .description('the read models of this database, and the processes that read them and keep them up')
    .addOption(formatOption())
    .addOption(wideOption())
    .addHelpText('after', `${ON_HOST}\n\nExample:\n  ${ownCommand()} projection list --format json\n\n${EXIT_CODES}`)
    .action(async ({ format, wide }: { format: Format; wide: boolean }, command: Command) => {
      const { renderReadModels } = await import('../../render/read-models.ts')
      await readModels(command, async (source) => {
        await print(renderReadModels(await source.list(), format, lookOf({ wide })))
        return true
      })
    })
}

function addRebuild(projection: Command): void {
  projection
    .command('rebuild')
    .description('build a read model from the whole log, beside the one in use; all services go on meanwhile')
    .addOption(formatOption())
    .addHelpText('after', REBUILD_HELP)
    .action(async ({ format }: { format: Format }, command: Command) => {
      const { createProgress } = await import('../../render/progress.ts')
      await readModels(command, async (source) => {
        const folding = createProgress(process.stderr)
        const tell = (step: string) => void process.stderr.write(`${step}\n`)
        const { read_model } = await source.rebuild({ tell, progress: folding.update }).finally(folding.stop)
        const chosen = (await source.list()).read_models.some((one) => one.chosen && one.schema_name === read_model)
        await print(format === 'table' ? builtText(read_model, chosen) : dataText({ read_model, chosen }, format))
        return true
      })
    })
}

const REBUILD_HELP = `
Its schema is ledger_vN, where N is the layout of this release, then ledger_vN_2 and so on. Projectors of this release keep it
up from then on, beside the one in use. The first of a layout is what the processes of this release read; to a later one they
change over with "projection switch". Cut short, it goes on where it was when it is run again.
${ON_HOST}

Examples:
  ${ownCommand()} projection rebuild
  LEDGER_READ_MODEL=ledger_v2_2 ${ownCommand()} projection verify
  ${ownCommand()} projection switch

${EXIT_CODES}`

function builtText(schema: string, chosen: boolean): string {
  const next = chosen
    ? 'processes of this release read it: start them'
    : `projectors keep it up now; "${ownCommand()} projection switch" has all processes read it`
  return `${schema} is built; ${next}\n`
}

const LOOK_MS = 500

function addSwitch(projection: Command): void {
  projection
    .command('switch')
    .argument('[schema]', 'the read model to read from now on; without it the latest that is not read')
    .description('have every process of this release read another read model, without refusing a request')
    .option('--wait <seconds>', 'how long to wait, for it to be up to date and for all to change over', '30')
    .addOption(formatOption())
    .addHelpText('after', SWITCH_HELP)
    .action(async (schema: string | undefined, { wait, format }: SwitchOptions, command: Command) => {
      if (!/^\d{1,4}$/.test(wait)) command.error('error: --wait must be a whole number of seconds')
      const patienceMs = Number(wait) * 1000
      await readModels(command, async (source) => {
        const switched = await followed(source, await source.switchTo(schema, patienceMs), patienceMs)
        await print(format === 'table' ? switchedText(switched) : dataText(switched, format))
        return switched.behind.length === 0
      })
    })
}

const SWITCH_HELP = `
Waits until all have changed over. A process that LEDGER_READ_MODEL is set for does not follow. The read model of
before is kept up, so that you can switch back, until "projection drop".
${ON_HOST}

Example:
  ${ownCommand()} projection switch ledger_v2_2

Exit codes: 0 all read it, 1 it is not up to date or some do not read it yet, 2 wrong usage, 3 a part cannot be reached.`

type SwitchOptions = { wait: string; format: Format }

/** Asks until nobody is behind, or for this long. */
async function followed(source: ReadModels, switched: Switched, patienceMs: number): Promise<Switched> {
  const deadline = performance.now() + patienceMs
  const { read_model } = switched
  let left = switched.behind
  while (left.length > 0 && performance.now() < deadline) {
    await pause(LOOK_MS)
    left = behind((await source.list()).processes, read_model)
  }
  return { read_model, behind: left }
}

function switchedText({ read_model, behind: left }: Switched): string {
  if (left.length === 0) return `${read_model} is read by every process that follows\n`
  const names = left.map((one) => `${processText(one)} reads ${one.reads}`)
  return `${read_model} is chosen, but not read yet by all: ${names.join('; ')}\n`
}

function addDrop(projection: Command): void {
  projection
    .command('drop')
    .argument('<schema>', 'the read model to drop, as "projection list" names it')
    .description('drop a read model that nobody reads; refused while one does')
    .addHelpText('after', `${ON_HOST}\n\nExample:\n  ${ownCommand()} projection drop ledger_v1\n\n${EXIT_CODES}`)
    .action(async (schema: string, _options: unknown, command: Command) => {
      await readModels(command, async (source) => {
        await source.drop(schema)
        await print(`${schema} is dropped\n`)
        return true
      })
    })
}
