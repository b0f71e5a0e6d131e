import type { Command } from 'commander'
import { ownCommand } from '../../shared/config/own-command.ts'
import { EXIT_CODES } from './commands/verb.ts'

/** `token-ledger help [COMMAND…]`, of a verb below a group as well. */
export function addHelpCommand(program: Command): void {
  program.helpCommand(false)
  program
    .command('help')
    .argument('[command...]', 'a command, and a verb of it')
    .description('display help for command')
    .addHelpText('after', `\nExample:\n  ${ownCommand()} help clients create\n\n${EXIT_CODES}`)
    .action((words: string[], _options: object, command: Command) => {
      let found = program
      for (const word of words) {
        const below = found.commands.find((one) => one.name() === word)
        if (!below) command.error(`error: unknown command '${words.join(' ')}'`)
        found = below
      }
      found.outputHelp()
    })
}

/**
 * Help of a command, and of all below it, fits the terminal, at 80 columns at most; wrong usage is told in the last
 * line, above it where help is.
 */
export function tellHelp(command: Command, path: string = command.name()): void {
  command.configureHelp({ minWidthToWrap: MIN_DESCRIPTION })
  command.configureOutput({
    writeOut: (text) => process.stdout.write(fitted(text, Math.min(process.stdout.columns || WIDTH, WIDTH))),
    outputError: (text, write) => write(`see: ${path} --help\n${text}`),
  })
  for (const below of command.commands) tellHelp(below, `${path} ${below.name()}`)
}

const WIDTH = 80
/** A description is wrapped beside the longest option too. */
const MIN_DESCRIPTION = 20

/**
 * A help text with its paragraphs wrapped at this width. What is indented is an option or an example: left as it is.
 */
export function fitted(text: string, width: number = WIDTH): string {
  return text.replaceAll(/(^\S.*\n?)+/gm, (paragraph) => {
    const end = paragraph.endsWith('\n') ? '\n' : ''
    return wrapped(paragraph.trim().split(/\s+/), width).join('\n') + end
  })
}

function wrapped(words: string[], width: number): string[] {
  return words.reduce<string[]>((lines, word) => {
    const last = lines.at(-1)
    return last !== undefined && last.length + 1 + word.length <= width
      ? [...lines.slice(0, -1), `${last} ${word}`]
      : [...lines, word]
  }, [])
}
