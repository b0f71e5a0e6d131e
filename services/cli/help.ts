import type { Command } from 'commander'

/** `token-ledger help [COMMAND…]`, of a verb below a group as well. */
export function addHelpCommand(program: Command): void {
  program.helpCommand(false)
  program
    .command('help')
    .argument('[command...]', 'a command, and a verb of it')
    .description('display help for command')
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
