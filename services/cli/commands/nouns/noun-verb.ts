import type { Command } from 'commander'
import { ownCommand } from '../../../../shared/config/own-command.ts'
import type { Format, Text } from '../../render/formats.ts'
import { connectService, EXIT_CODES, formatOption, lookOf, print, wideOption, work } from '../verb.ts'
import type { Noun } from './noun.ts'
import type { Administration, Entity } from './requests.ts'
import type { Shown } from './show.ts'

type ShownOptions = { format: Format; wide: boolean; quiet: boolean }

/** The options of whatever prints one or more: in which format, how wide, or the ids alone. */
export function addShownOptions(command: Command): Command {
  return command.addOption(formatOption()).addOption(wideOption()).option('-q, --quiet', 'print the id alone', false)
}

/** How a command that has these options prints. */
export function shownBy(command: Command): Shown {
  const { format, wide, quiet } = command.opts<ShownOptions>()
  return { format, quiet, look: lookOf({ wide }) }
}

/** The end of a help: what is to be known, examples, and exit codes. Made when it is asked for. */
export function addExamples(command: Command, examples: readonly string[], about = ''): Command {
  const title = examples.length > 1 ? 'Examples' : 'Example'
  const lines = () => examples.map((example) => `\n  ${ownCommand()} ${example}`).join('')
  return command.addHelpText(
    'after',
    () => `${about && `\n${about}\n`}\n${title}:${lines()}\n\n${WHERE}\n\n${EXIT_CODES}`,
  )
}

const WHERE =
  'Asks the service at LEDGER_ADMIN_URL (with LEDGER_URL, LEDGER_CLIENT_ID, LEDGER_CLIENT_SECRET: an administrator), ' +
  'in dev mode the one that runs here.'

/** Asks the service, and prints what comes of it. */
export async function ask(command: Command, body: (service: Administration) => Promise<Text>): Promise<void> {
  const { administration } = await import('./requests.ts')
  await work(command, connectService, async (access) => {
    await print(await body(administration(access)))
    return true
  })
}

/** One as this command prints it. */
export async function oneText(command: Command, noun: Noun, entity: Entity): Promise<Text> {
  const { renderOne } = await import('./show.ts')
  return renderOne(entity, noun, shownBy(command))
}
